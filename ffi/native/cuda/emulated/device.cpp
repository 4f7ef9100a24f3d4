// The device of the emulation: memory that only kernels and copies can touch, and work that is done at once.
#include "../device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "../../abi/objects.h"
#include "emulated_memory.h"
#include "traffic.h"

namespace salient::device {

Description describe(uint32_t index) {
  if (std::getenv("SALIENT_EMULATED_NO_DEVICE") != nullptr) {
    fail(SALIENT_INTERNAL, "No CUDA device answers: there is none (0)");
  }
  if (index > 0) fail(SALIENT_INVALID, "There is no CUDA device %u: there are 1", index);
  Description found{1, "emulated", 8, 0, 0, 0, 0, 0};
  emulated::left(&found.free, &found.memory);
  return found;
}

void choose(uint32_t index) { describe(index); }
void enter() { describe(0); }
uint32_t chosen() { return 0; }

void* allocate(size_t bytes) { return emulated::allocate(bytes); }
void free(void* data) { emulated::free(data); }
void memory(size_t* free, size_t* total) { emulated::left(free, total); }

namespace {

// An idle device is sent all bytes through one buffer of this size, as a GPU is through pinned ones.
constexpr size_t kPinned = size_t{4} << 20;

void send(void* device, const void* host, size_t bytes) {
  if (!emulated::idle() || bytes <= emulated::kSmall) {
    const emulated::Opened opened;
    std::memcpy(device, host, bytes);
    return;
  }
  static std::mutex mutex;
  static std::vector<uint8_t> pinned(kPinned);
  const std::lock_guard lock(mutex);
  for (size_t done = 0; done < bytes; done += kPinned) {
    std::memcpy(pinned.data(), static_cast<const uint8_t*>(host) + done, std::min(kPinned, bytes - done));
  }
}

// New memory is 0xff. On a GPU a copy beside the stream would not wait for the work that used other memory.
void check_new(const unsigned char* at, size_t bytes) {
  const emulated::Opened opened;
  if (std::all_of(at, at + bytes, [](unsigned char byte) { return byte == 0xff; })) return;
  std::fprintf(stderr, "A copy beside the stream into %zu bytes that were used before, without a mark\n", bytes);
  std::abort();
}

}  // namespace

void upload(void* device, const void* host, size_t bytes) {
  emulated::note(emulated::Asked::Upload, bytes);
  send(device, host, bytes);
}
void stage(void* device, const void* host, size_t bytes, const Mark* after) {
  emulated::note(emulated::Asked::Stage, bytes);
  if (after == nullptr && !emulated::idle()) check_new(static_cast<const unsigned char*>(device), bytes);
  send(device, host, bytes);
}
void download(void* host, const void* device, size_t bytes) {
  emulated::note(emulated::Asked::Download, bytes);
  if (emulated::idle() && bytes > emulated::kSmall) {
    std::memset(host, 1, bytes);  // valid codes, and positive numbers
    return;
  }
  const emulated::Opened opened;
  std::memcpy(host, device, bytes);
  uint32_t number = 0;
  if (!emulated::idle() || bytes != sizeof number) return;
  std::memcpy(&number, host, sizeof number);
  if (number >= 1u << 24) *static_cast<uint8_t*>(std::memset(host, 0, bytes)) = 1;  // a token that there is
}
void move(void* target, const void* source, size_t bytes) {
  emulated::note(emulated::Asked::Move, bytes);
  if (emulated::idle()) return;
  const emulated::Opened opened;
  std::memmove(target, source, bytes);
}
void fill(void* device, int byte, size_t bytes) {
  emulated::note(emulated::Asked::Fill, bytes);
  if (emulated::idle() && bytes > emulated::kSmall) return;  // it reads as zeros already
  const emulated::Opened opened;
  std::memset(device, byte, bytes);
}
namespace {

class Replayed final : public Graph {
 public:
  explicit Replayed(simt::Tape tape) : tape_(std::move(tape)) {}
  void launch() override {
    for (const auto& work : tape_) work();
  }

 private:
  simt::Tape tape_;
};

}  // namespace

std::unique_ptr<Graph> capture(simt::Tape tape) { return std::make_unique<Replayed>(std::move(tape)); }
std::unique_ptr<Mark> mark() { return std::make_unique<Mark>(); }
void synchronize() { emulated::note(emulated::Asked::Synchronize, 0); }
void trim() {}

}  // namespace salient::device
