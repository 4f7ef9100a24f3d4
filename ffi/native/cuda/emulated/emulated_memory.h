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

// Null where `bytes` are more than what is left of the emulated device. Filled with 0xff.
void* allocate(size_t bytes);
void free(void* data);
// Bytes that are left, and that there are.
void left(size_t* left, size_t* total);

}  // namespace emulated
