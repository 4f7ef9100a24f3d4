// Memory of the device that is kept for reuse, and what calls need for a while.
#pragma once

#include <memory>

#include "device.h"

namespace salient {

struct DeviceMemory {
  uint8_t* data;
  size_t capacity;
  // Behind the work that used it before; null where there was none, and for small blocks.
  std::shared_ptr<device::Mark> mark;
};
// Throws Failure with the sizes where the device has too little.
DeviceMemory take_device_memory(size_t bytes);
// The mark is made here.
void give_device_memory(DeviceMemory memory) noexcept;

// Memory for `count` elements as long as it lives. What was launched meanwhile may go on using it.
template <class T>
class Temporary {
 public:
  explicit Temporary(size_t count) : count_(count), memory_(take_device_memory(count * sizeof(T))) {}
  // With a copy of the host's elements.
  Temporary(const T* host, size_t count) : Temporary(count) {
    if (count > 0) device::upload(data(), host, count * sizeof(T));
  }
  ~Temporary() { give_device_memory(std::move(memory_)); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  T* data() const { return reinterpret_cast<T*>(memory_.data); }
  size_t count() const { return count_; }
  // Waits for the work so far.
  void read(T* host) const {
    if (count_ > 0) device::download(host, data(), count_ * sizeof(T));
  }
  void clear() { device::fill(data(), 0, count_ * sizeof(T)); }

 private:
  size_t count_;
  DeviceMemory memory_;
};

}  // namespace salient
