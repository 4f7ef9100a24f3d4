// The device, by CUDA's runtime.
#include "device.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "../abi/objects.h"
#include "simt.h"

namespace salient::device {
namespace {

// What to do about an error after which the device answers nothing else in this process.
const char* advice(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorAssert:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorECCUncorrectable:
      return "; an earlier kernel failed and this process cannot use the device any more: start it again, with "
             "SALIENT_CUDA_SYNC=1 to see which operation it was";
    default: return "";
  }
}

[[noreturn]] void fail_with(cudaError_t error, const char* what) {
  // Errors that the context survives are remembered by the runtime until they are read.
  cudaGetLastError();
  fail(error == cudaErrorMemoryAllocation ? SALIENT_MEMORY : SALIENT_INTERNAL, "%s: %s (%d)%s", what,
       cudaGetErrorString(error), static_cast<int>(error), advice(error));
}

void check(cudaError_t result, const char* what) {
  if (result != cudaSuccess) fail_with(result, what);
}

// Pinned memory that copies go through, in turns.
class Ring {
 public:
  Ring(size_t slots, size_t bytes) : count_(slots), bytes_(bytes) {}

  // Copies piece by piece on a stream.
  void copy(uint8_t* target, const uint8_t* source, size_t bytes, cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    open();
    for (size_t done = 0; done < bytes;) {
      const size_t piece = std::min(bytes - done, bytes_);
      Slot& slot = slots_[next_++ % count_];
      check(cudaEventSynchronize(slot.free), "Waiting for a pinned buffer");
      std::memcpy(slot.data, source + done, piece);
      check(cudaMemcpyAsync(target + done, slot.data, piece, cudaMemcpyHostToDevice, stream), "Copying to the device");
      check(cudaEventRecord(slot.free, stream), "Copying to the device");
      done += piece;
    }
  }

  void close() {
    const std::lock_guard lock(mutex_);
    if (memory_ == nullptr) return;
    for (size_t i = 0; i < count_; i++) {
      cudaEventSynchronize(slots_[i].free);
      cudaEventDestroy(slots_[i].free);
    }
    cudaFreeHost(memory_);
    memory_ = nullptr;
  }

 private:
  struct Slot {
    uint8_t* data;
    cudaEvent_t free;
  };

  void open() {
    if (memory_ != nullptr) return;
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, count_ * bytes_, cudaHostAllocDefault), "Pinning memory for copies");
    for (size_t i = 0; i < count_; i++) {
      slots_[i].data = static_cast<uint8_t*>(memory) + i * bytes_;
      check(cudaEventCreateWithFlags(&slots_[i].free, cudaEventDisableTiming), "Making an event");
    }
    memory_ = memory;
  }

  static constexpr size_t kMost = 64;
  const size_t count_, bytes_;
  std::mutex mutex_;
  void* memory_ = nullptr;
  Slot slots_[kMost] = {};
  size_t next_ = 0;
};

constexpr size_t kSmall = size_t{64} << 10;

struct State {
  std::mutex mutex;
  bool chosen = false;
  uint32_t index = 0;
  cudaStream_t compute = nullptr, copies = nullptr;
  Ring small{64, kSmall};
  Ring large{8, size_t{4} << 20};
};
// Where launches of this thread go instead of the compute stream, while they are captured.
thread_local cudaStream_t capturing = nullptr;

// Never destroyed: calls on other threads may still come while the process ends.
State& state() {
  static auto* instance = new State;
  return *instance;
}

class EventMark final : public Mark {
 public:
  cudaEvent_t event = nullptr;
  EventMark() { check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "Making an event"); }
  ~EventMark() override { cudaEventDestroy(event); }
};

class CapturedGraph final : public Graph {
 public:
  cudaGraphExec_t executable = nullptr;
  // One that runs still is freed by CUDA when it ends.
  ~CapturedGraph() override {
    if (executable != nullptr) cudaGraphExecDestroy(executable);
  }
  void launch() override { check(cudaGraphLaunch(executable, simt::stream()), "Launching a recorded step"); }
};

uint32_t count_devices() {
  int count = 0;
  const cudaError_t result = cudaGetDeviceCount(&count);
  if (result != cudaSuccess || count == 0) {
    cudaGetLastError();
    const char* reason = result == cudaSuccess ? "there is none" : cudaGetErrorString(result);
    fail(SALIENT_INTERNAL, "No CUDA device answers: %s (%d)", reason, static_cast<int>(result));
  }
  return static_cast<uint32_t>(count);
}

void check_index(uint32_t index, uint32_t count) {
  if (index >= count) fail(SALIENT_INVALID, "There is no CUDA device %u: there are %u", index, count);
}

}  // namespace

Description describe(uint32_t index) {
  Description found{};
  found.count = count_devices();
  check_index(index, found.count);
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, static_cast<int>(index)), "Asking the device what it is");
  int driver = 0, runtime = 0;
  check(cudaDriverGetVersion(&driver), "Asking for the driver's version");
  check(cudaRuntimeGetVersion(&runtime), "Asking for the runtime's version");
  found.name = properties.name;
  found.major = static_cast<uint32_t>(properties.major);
  found.minor = static_cast<uint32_t>(properties.minor);
  found.driver = static_cast<uint32_t>(driver);
  found.runtime = static_cast<uint32_t>(runtime);
  found.memory = properties.totalGlobalMem;
  int before = 0;
  check(cudaGetDevice(&before), "Asking for this thread's device");
  check(cudaSetDevice(static_cast<int>(index)), "Taking the device");
  size_t total = 0;
  check(cudaMemGetInfo(&found.free, &total), "Asking for free memory");
  check(cudaSetDevice(before), "Taking the device");
  return found;
}

void choose(uint32_t index) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  if (all.chosen) {
    if (all.index != index) {
      fail(SALIENT_INVALID, "This process uses CUDA device %u already and cannot use %u too", all.index, index);
    }
    return;
  }
  check_index(index, count_devices());
  check(cudaSetDevice(static_cast<int>(index)), "Taking the device");
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, static_cast<int>(index)), "Asking the device");
  if (major < 8) {
    fail(SALIENT_INTERNAL, "CUDA device %u has compute capability %d.x, but the kernels need 8.0 or later", index, major);
  }
  check(cudaStreamCreateWithFlags(&all.compute, cudaStreamNonBlocking), "Making a stream");
  check(cudaStreamCreateWithFlags(&all.copies, cudaStreamNonBlocking), "Making a stream");
  all.index = index;
  all.chosen = true;
}

void enter() {
  State& all = state();
  bool chosen;
  {
    const std::lock_guard lock(all.mutex);
    chosen = all.chosen;
  }
  if (!chosen) choose(0);
  check(cudaSetDevice(static_cast<int>(all.index)), "Taking the device");
}

uint32_t chosen() { return state().index; }

void* allocate(size_t bytes) {
  void* data = nullptr;
  const cudaError_t result = cudaMalloc(&data, bytes);
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(result, "Taking memory of the device");
  return data;
}

void free(void* data) {
  if (cudaFree(data) != cudaSuccess) cudaGetLastError();  // else the next launch would report it
}

void memory(size_t* free, size_t* total) { check(cudaMemGetInfo(free, total), "Asking for free memory"); }

void upload(void* device, const void* host, size_t bytes) {
  State& all = state();
  Ring& ring = bytes <= 4 * kSmall ? all.small : all.large;
  ring.copy(static_cast<uint8_t*>(device), static_cast<const uint8_t*>(host), bytes, simt::stream());
}

void stage(void* device, const void* host, size_t bytes, const Mark* after) {
  State& all = state();
  if (after != nullptr) {
    check(cudaStreamWaitEvent(all.copies, static_cast<const EventMark*>(after)->event, 0), "Ordering a copy");
  }
  all.large.copy(static_cast<uint8_t*>(device), static_cast<const uint8_t*>(host), bytes, all.copies);
  const EventMark done;
  check(cudaEventRecord(done.event, all.copies), "Ordering a copy");
  check(cudaStreamWaitEvent(simt::stream(), done.event, 0), "Ordering a copy");
}

void download(void* host, const void* device, size_t bytes) {
  check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, simt::stream()), "Copying from the device");
  check(cudaStreamSynchronize(simt::stream()), "Copying from the device");
}

void move(void* target, const void* source, size_t bytes) {
  auto* to = static_cast<uint8_t*>(target);
  const auto* from = static_cast<const uint8_t*>(source);
  const size_t distance = static_cast<size_t>(to > from ? to - from : from - to);
  if (distance == 0) return;
  const bool apart = distance >= bytes;
  // Ranges that overlap are moved in pieces as long as their distance, from the end that is not overwritten.
  const size_t piece = apart ? bytes : distance;
  for (size_t done = 0; done < bytes; done += piece) {
    const size_t count = std::min(piece, bytes - done), at = to > from && !apart ? bytes - done - count : done;
    check(cudaMemcpyAsync(to + at, from + at, count, cudaMemcpyDeviceToDevice, simt::stream()), "Copying on the device");
  }
}

void fill(void* device, int byte, size_t bytes) {
  check(cudaMemsetAsync(device, byte, bytes, simt::stream()), "Filling memory of the device");
}

std::unique_ptr<Mark> mark() {
  auto made = std::make_unique<EventMark>();
  check(cudaEventRecord(made->event, simt::stream()), "Marking the work so far");
  return made;
}

std::unique_ptr<Graph> capture(simt::Tape tape) {
  struct Stream {
    cudaStream_t stream = nullptr;
    ~Stream() {
      capturing = nullptr;
      if (stream != nullptr) cudaStreamDestroy(stream);
    }
  } own;
  struct Captured {
    cudaGraph_t graph = nullptr;
    ~Captured() {
      if (graph != nullptr) cudaGraphDestroy(graph);
    }
  } captured;
  // A stream of its own, in this thread alone: what other threads launch, copy and allocate meanwhile goes on as ever.
  check(cudaStreamCreateWithFlags(&own.stream, cudaStreamNonBlocking), "Making a stream");
  check(cudaStreamBeginCapture(own.stream, cudaStreamCaptureModeThreadLocal), "Capturing a step");
  capturing = own.stream;
  try {
    for (const auto& work : tape) work();
  } catch (...) {
    cudaStreamEndCapture(own.stream, &captured.graph);
    cudaGetLastError();
    throw;
  }
  capturing = nullptr;
  check(cudaStreamEndCapture(own.stream, &captured.graph), "Capturing a step");
  auto made = std::make_unique<CapturedGraph>();
  check(cudaGraphInstantiate(&made->executable, captured.graph, 0), "Making a graph of a step");
  check(cudaGraphUpload(made->executable, simt::stream()), "Making a graph of a step");
  return made;
}

void synchronize() { check(cudaStreamSynchronize(simt::stream()), "Waiting for the device"); }

void trim() {
  if (!state().chosen) return;
  state().small.close();
  state().large.close();
}

}  // namespace salient::device

namespace simt {

Stream stream() {
  const Stream captured = salient::device::capturing;
  return captured != nullptr ? captured : salient::device::state().compute;
}

void check_launch(cudaError_t result, const char* name, dim3 grid, dim3 block, size_t shared) {
  if (result == cudaSuccess) return;
  char what[256];
  std::snprintf(what, sizeof what, "Kernel %s (grid %u x %u x %u, block %u x %u x %u, %zu bytes shared)", name, grid.x, grid.y,
                grid.z, block.x, block.y, block.z, shared);
  salient::device::fail_with(result, what);
}

}  // namespace simt
