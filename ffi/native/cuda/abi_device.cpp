// Exported functions: what computes; and what happens around each call.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../abi/objects.h"
#include "device.h"
#include "kernels.h"
#include "kernels_text.h"
#include "recording.h"

using namespace salient;

namespace salient {

Call::Call() { device::enter(); }
Call::~Call() {
  // What a call that failed has launched before cannot be told apart from what it was to do.
  if (Recording* step = recording(); step != nullptr && std::uncaught_exceptions() > 0) step->refuse("a call of it failed");
}
void Call::finish() {
  // A fault of a kernel comes to light in a later call; this makes it the call's own, at the price of waiting.
  static const bool waits = std::getenv("SALIENT_CUDA_SYNC") != nullptr;
  if (waits) device::synchronize();
}

}  // namespace salient

uint32_t salient_describe(uint8_t* text, uint32_t length) {
  if (text == nullptr) return 0;
  char line[256] = "no CUDA device";
  guard_anywhere([&] {
    device::enter();
    const device::Description it = device::describe(device::chosen());
    std::snprintf(line, sizeof line, "%s, compute capability %u.%u, %.1f GiB, driver %u.%u, %s, large products by %s", it.name.c_str(), it.major,
                  it.minor, static_cast<double>(it.memory) / (1 << 30), it.driver / 1000, it.driver % 1000 / 10,
                  kernels_text(it.major, it.minor).c_str(), cuda::library_found() ? "cuBLASLt" : "them too");
  });
  const size_t written = std::min<size_t>(std::strlen(line), length);
  std::memcpy(text, line, written);
  return static_cast<uint32_t>(written);
}

int32_t salient_set_threads(uint32_t count) {
  return guard_anywhere([&] {
    if (count > 1024) fail(SALIENT_INVALID, "At most 1024 threads can be used, not %u", count);
  });
}

int32_t salient_force_isa(uint32_t level) {
  return guard_anywhere([&] { fail(SALIENT_INVALID, "The CUDA library has no instruction set %u", level); });
}

int32_t salient_device(uint32_t index, uint8_t* text, uint32_t length, double* reals) {
  return guard_anywhere([&] {
    check_buffer(reals, "the figures");
    if (length > 0) check_buffer(text, "the name");
    const device::Description it = device::describe(index);
    const size_t written = std::min<size_t>(it.name.size(), length);
    if (written > 0) std::memcpy(text, it.name.data(), written);
    reals[0] = it.count;
    reals[1] = it.major;
    reals[2] = it.minor;
    reals[3] = static_cast<double>(it.memory);
    reals[4] = static_cast<double>(it.free);
    reals[5] = it.driver;
    reals[6] = it.runtime;
    reals[7] = static_cast<double>(written);
  });
}

int32_t salient_choose_device(uint32_t index) {
  return guard_anywhere([&] { device::choose(index); });
}
