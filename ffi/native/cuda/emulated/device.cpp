// The device of the emulation: memory that only kernels and copies can touch, and work that is done at once.
#include "../device.h"

#include <cstdlib>
#include <cstring>

#include "../../abi/objects.h"
#include "emulated_memory.h"

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

void upload(void* device, const void* host, size_t bytes) {
  const emulated::Opened opened;
  std::memcpy(device, host, bytes);
}
void stage(void* device, const void* host, size_t bytes, const Mark*) { upload(device, host, bytes); }
void download(void* host, const void* device, size_t bytes) {
  const emulated::Opened opened;
  std::memcpy(host, device, bytes);
}
void move(void* target, const void* source, size_t bytes) {
  const emulated::Opened opened;
  std::memmove(target, source, bytes);
}
void fill(void* device, int byte, size_t bytes) {
  const emulated::Opened opened;
  std::memset(device, byte, bytes);
}
std::unique_ptr<Mark> mark() { return std::make_unique<Mark>(); }
void synchronize() {}
void trim() {}

}  // namespace salient::device
