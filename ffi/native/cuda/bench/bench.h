// What the device benchmark is made of: checked calls, device memory, timing.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../kernels.h"
#include "../simt.h"

namespace bench {

using namespace salient::cuda;

inline void require(cudaError_t result, const char* what) {
  if (result == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(result));
  std::exit(1);
}

inline cudaStream_t the_stream() {
  static cudaStream_t stream = [] {
    cudaStream_t created;
    require(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking), "create a stream");
    return created;
  }();
  return stream;
}

// Device memory.
class Bytes {
 public:
  explicit Bytes(size_t count) : count_(count) {
    if (count > 0) require(cudaMalloc(&data_, count), "allocate device memory");
  }
  ~Bytes() { cudaFree(data_); }
  Bytes(const Bytes&) = delete;
  Bytes(Bytes&& other) noexcept : count_(other.count_), data_(std::exchange(other.data_, nullptr)) {}
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t count() const { return count_; }
  template <class T>
  std::vector<T> read() const {
    std::vector<T> out(count_ / sizeof(T));
    require(cudaDeviceSynchronize(), "wait");
    require(cudaMemcpy(out.data(), data_, count_, cudaMemcpyDeviceToHost), "read back");
    return out;
  }

 private:
  size_t count_;
  void* data_ = nullptr;
};

// Copies of a weight, so many that none is left in L2 when its turn comes again.
inline size_t rotations(size_t bytes) {
  int device = 0, l2 = 0;
  require(cudaGetDevice(&device), "device");
  require(cudaDeviceGetAttribute(&l2, cudaDevAttrL2CacheSize, device), "L2 size");
  return std::clamp<size_t>((3 * static_cast<size_t>(l2)) / std::max<size_t>(bytes, 1) + 2, 2, 64);
}

// Median microseconds of one call(i), i counting the rotated copies: `calls` of them in one graph, so that what is measured is
// the device's time and not that of queueing. `captured` false: queued one by one.
inline double measure(size_t copies, const std::function<void(size_t)>& call, bool captured = true) {
  constexpr size_t kRepeats = 21, kLeastRepeats = 7;
  constexpr double kEnough = 250e3;  // microseconds, after which the fewest repeats do
  const size_t calls = std::max<size_t>(copies, 8);
  cudaStream_t stream = the_stream();
  for (size_t i = 0; i < copies; ++i) call(i);
  require(cudaStreamSynchronize(stream), "warm up");
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  if (captured) {
    require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin capture");
    for (size_t i = 0; i < calls; ++i) call(i % copies);
    require(cudaStreamEndCapture(stream, &graph), "end capture");
    require(cudaGraphInstantiate(&executable, graph, 0), "instantiate a graph");
  }
  cudaEvent_t begin, end;
  require(cudaEventCreate(&begin), "event");
  require(cudaEventCreate(&end), "event");
  std::vector<double> times;
  double spent = 0;
  for (size_t r = 0; r < kRepeats + 3 && (spent < kEnough || times.size() < kLeastRepeats); ++r) {
    require(cudaEventRecord(begin, stream), "record");
    if (captured) require(cudaGraphLaunch(executable, stream), "launch a graph");
    else for (size_t i = 0; i < calls; ++i) call(i % copies);
    require(cudaEventRecord(end, stream), "record");
    require(cudaEventSynchronize(end), "wait for an event");
    float milliseconds = 0;
    require(cudaEventElapsedTime(&milliseconds, begin, end), "elapsed time");
    spent += 1000.0 * milliseconds;
    if (r >= 3) times.push_back(1000.0 * milliseconds / static_cast<double>(calls));
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  if (captured) {
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

// Random contents, made on the device.
void fill_codes(uint8_t* data, size_t count, uint32_t mask, uint32_t seed);
void fill_reals(void* data, Element type, size_t count, float low, float high, uint32_t seed);
// Largest and mean errors of y (F32) against fp64 sums of sampled results; mean |difference| / mean |exact|.
double sampled_error(const uint8_t* codes, const float* scales, const uint8_t* zeros, const void* x, Element x_type,
                     const float* y, uint32_t T, uint32_t K, uint32_t N, uint32_t group);
double sampled_error(const void* w, Element w_type, const void* x, Element x_type, const float* y, uint32_t T, uint32_t K, uint32_t N);
// Times shapes of blocks of the packed product; false where one gives a wrong result.
bool sweep_packed(double bandwidth);

}  // namespace bench
