// Memory of the device that is kept for reuse, and what calls need for a while.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "device.h"

namespace salient {

class Arena;

struct DeviceMemory {
  uint8_t* data;
  size_t capacity;
  // Behind the work that used it before; null where there was none, and for small blocks.
  std::shared_ptr<device::Mark> mark;
  // Where it goes back to; null for the memory that all share.
  std::shared_ptr<Arena> arena;
};
// Blocks from this size on get a mark when they are given back; a copy into a smaller one must come in the stream's order.
constexpr size_t kMarkedBytes = size_t{1} << 20;
// Throws Failure with the sizes where the device has too little. In a call that is recorded, memory of the recording.
DeviceMemory take_device_memory(size_t bytes);
// The same for what the host writes once: in a call that is recorded, memory that no launch of the recording writes, before
// or after. It is not given back then, but ends with the recording.
DeviceMemory take_fixed_memory(size_t bytes);
// The mark is made here.
void give_device_memory(DeviceMemory memory) noexcept;

// Memory of a recorded step: what its calls took, given to nobody else as long as the step or a tensor that it made lives,
// for its launches go on using these addresses. Within the step a block is used again once it was given back, as its
// launches come in the same order whenever the step is run.
class Arena : public std::enable_shared_from_this<Arena> {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  DeviceMemory take(size_t bytes);
  // Memory that the step has not used yet and will not use otherwise.
  DeviceMemory take_fixed(size_t bytes);
  void give(DeviceMemory memory) noexcept;
  // Of all its blocks that no tensor has.
  size_t idle_bytes();

 private:
  std::mutex mutex_;
  std::vector<DeviceMemory> all_;
  std::multimap<size_t, uint8_t*> free_;  // by capacity
  size_t bytes_ = 0, living_ = 0;
};

// Copies and fills on the device, recorded where the call is.
void move_on_device(void* target, const void* source, size_t bytes);
void fill_on_device(void* device, int byte, size_t bytes);
// To the host, which no recording can do again.
void read_back(void* host, const void* device, size_t bytes);

// Memory for `count` elements as long as it lives. What was launched meanwhile may go on using it.
template <class T>
class Temporary {
 public:
  explicit Temporary(size_t count) : count_(count), memory_(take_device_memory(count * sizeof(T))) {}
  // With a copy of the host's elements. Where the call is recorded they count as fixed: the memory stays as it is for as
  // long as the recording lives.
  Temporary(const T* host, size_t count) : count_(count), memory_(take_fixed_memory(count * sizeof(T))) {
    fixed_ = memory_.arena != nullptr;
    if (count > 0) device::upload(data(), host, count * sizeof(T));
  }
  ~Temporary() {
    if (!fixed_) give_device_memory(std::move(memory_));
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  T* data() const { return reinterpret_cast<T*>(memory_.data); }
  size_t count() const { return count_; }
  // Waits for the work so far.
  void read(T* host) const {
    if (count_ > 0) read_back(host, data(), count_ * sizeof(T));
  }
  void clear() { fill_on_device(data(), 0, count_ * sizeof(T)); }

 private:
  size_t count_;
  DeviceMemory memory_;
  bool fixed_ = false;
};

}  // namespace salient
