// Device memory of the emulation: with SALIENT_EMULATED_PROTECT in the environment
// unreadable unless a kernel or a copy runs.
#pragma once

#include <cstddef>

namespace emulated {

// Makes all device memory accessible while it lives.
class Opened {
 public:
  Opened();
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
};

// More is large: of an idle device (traffic.h) it comes from the system as it is, and reads as ones in every byte.
constexpr size_t kSmall = size_t{4} << 10;

// Null where `bytes` are more than what is left of the emulated device. Filled with 0xff, unless the device is idle.
void* allocate(size_t bytes);
void free(void* data);
// The allocation that starts at or before an address, or none (null): the address may be behind its end.
struct Extent {
  const void* data;
  size_t bytes;
};
Extent extent_of(const void* address);
// Bytes that are left, and that there are.
void left(size_t* left, size_t* total);

}  // namespace emulated
