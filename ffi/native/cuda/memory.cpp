// Memory of tensors on the device. Blocks that are freed are kept and given out again: asking CUDA for memory costs more
// than most operations, and giving it back waits for all work.
//
// A block may be given out while work that used it still waits: later work comes after it in the stream. Only copies
// that run beside the stream must wait, for the mark that a large block got when it was freed.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>

#include "../abi/objects.h"
#include "device.h"
#include "memory.h"
#include "recording.h"

namespace salient {
namespace {

constexpr size_t kStep = 512;
constexpr size_t kLarge = kMarkedBytes;
constexpr size_t kLargeStep = size_t{1} << 16;
constexpr size_t kMaxCached = size_t{2} << 30;

std::atomic<size_t> allocated{0};

struct Kept {
  uint8_t* data;
  std::shared_ptr<device::Mark> mark;
};

struct Cache {
  std::mutex mutex;
  std::multimap<size_t, Kept> blocks;  // by capacity
  size_t bytes = 0;                    // of them
  size_t taken = 0, peak = 0;          // of the device, in blocks that live or are kept
};
Cache& cache() {
  static auto* instance = new Cache;
  return *instance;
}

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

// Text of a number of bytes for people.
std::string size_text(size_t bytes) {
  char text[32];
  if (bytes < size_t{10} << 20) std::snprintf(text, sizeof text, "%.1f KiB", static_cast<double>(bytes) / 1024);
  else std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

void free_kept() {
  Cache& all = cache();
  std::multimap<size_t, Kept> ended;
  {
    const std::lock_guard lock(all.mutex);
    ended.swap(all.blocks);
    all.taken -= all.bytes;
    all.bytes = 0;
  }
  for (const auto& [capacity, kept] : ended) device::free(kept.data);
}

[[noreturn]] void out_of_memory(size_t bytes) {
  size_t left = 0, total = 0;
  device::memory(&left, &total);
  fail(SALIENT_MEMORY, "The device has no memory left for %s: %s of its %s are free, tensors take %s",
       size_text(bytes).c_str(), size_text(left).c_str(), size_text(total).c_str(), size_text(allocated.load()).c_str());
}

// What a block of at least `bytes` has, and may have at most: a large one may waste an eighth of itself, a small one half.
struct Wanted {
  size_t least, most;
};
Wanted wanted_for(size_t bytes) {
  const size_t least = round_up(bytes == 0 ? 1 : bytes, bytes < kLarge ? kStep : kLargeStep);
  if (least < bytes) out_of_memory(bytes);
  return {least, least < kLarge ? 2 * least : least + least / 8};
}

DeviceMemory take_shared(size_t bytes) {
  Cache& all = cache();
  const Wanted wanted = wanted_for(bytes);
  {
    const std::lock_guard lock(all.mutex);
    const auto found = all.blocks.lower_bound(wanted.least);
    if (found != all.blocks.end() && found->first <= wanted.most) {
      DeviceMemory memory{found->second.data, found->first, std::move(found->second.mark), nullptr};
      all.bytes -= found->first;
      all.blocks.erase(found);
      return memory;
    }
  }
  void* data = device::allocate(wanted.least);
  if (data == nullptr) {
    free_kept();
    data = device::allocate(wanted.least);
    if (data == nullptr) out_of_memory(bytes);
  }
  const std::lock_guard lock(all.mutex);
  all.taken += wanted.least;
  all.peak = std::max(all.peak, all.taken);
  return {static_cast<uint8_t*>(data), wanted.least, nullptr, nullptr};
}

}  // namespace

DeviceMemory take_device_memory(size_t bytes) {
  const Recording* step = recording();
  return step == nullptr ? take_shared(bytes) : step->arena().take(bytes);
}

DeviceMemory take_fixed_memory(size_t bytes) {
  const Recording* step = recording();
  return step == nullptr ? take_shared(bytes) : step->arena().take_fixed(bytes);
}

void give_device_memory(DeviceMemory memory) noexcept {
  if (memory.data == nullptr) return;
  if (memory.arena != nullptr) {
    const std::shared_ptr<Arena> arena = std::move(memory.arena);
    arena->give(std::move(memory));
    return;
  }
  Cache& all = cache();
  bool kept = false;
  try {
    device::enter();  // a handle may be released on any thread, also to free it below
    std::shared_ptr<device::Mark> mark;
    if (memory.capacity >= kLarge) mark = device::mark();
    const std::lock_guard lock(all.mutex);
    if (all.bytes + memory.capacity <= kMaxCached) {
      all.blocks.emplace(memory.capacity, Kept{memory.data, std::move(mark)});
      all.bytes += memory.capacity;
      kept = true;
    } else {
      all.taken -= memory.capacity;
    }
  } catch (...) {
  }
  if (!kept) device::free(memory.data);
}

Arena::~Arena() {
  for (DeviceMemory& memory : all_) give_device_memory(std::move(memory));
}

DeviceMemory Arena::take(size_t bytes) {
  const Wanted wanted = wanted_for(bytes);
  {
    const std::lock_guard lock(mutex_);
    const auto found = free_.lower_bound(wanted.least);
    if (found != free_.end() && found->first <= wanted.most) {
      const DeviceMemory memory{found->second, found->first, nullptr, shared_from_this()};
      living_ += memory.capacity;
      free_.erase(found);
      return memory;
    }
  }
  DeviceMemory memory = take_fixed(bytes);
  const std::lock_guard lock(mutex_);
  living_ += memory.capacity;
  return memory;
}

DeviceMemory Arena::take_fixed(size_t bytes) {
  const std::lock_guard lock(mutex_);
  all_.reserve(all_.size() + 1);
  DeviceMemory memory = take_shared(bytes);
  bytes_ += memory.capacity;
  all_.push_back(memory);
  memory.arena = shared_from_this();
  return memory;
}

void Arena::give(DeviceMemory memory) noexcept {
  const std::lock_guard lock(mutex_);
  living_ -= memory.capacity;
  try {
    free_.emplace(memory.capacity, memory.data);
  } catch (...) {  // it is not used again, and given back with the rest
  }
}

size_t Arena::idle_bytes() {
  const std::lock_guard lock(mutex_);
  return bytes_ - living_;
}

void move_on_device(void* target, const void* source, size_t bytes) {
  device::move(target, source, bytes);
  if (simt::tape != nullptr) simt::tape->push_back([=] { device::move(target, source, bytes); });
}

void fill_on_device(void* data, int byte, size_t bytes) {
  device::fill(data, byte, bytes);
  if (simt::tape != nullptr) simt::tape->push_back([=] { device::fill(data, byte, bytes); });
}

void read_back(void* host, const void* data, size_t bytes) {
  if (Recording* step = recording()) step->refuse("it reads values back to the host");
  device::download(host, data, bytes);
}

Block::Block(size_t bytes, bool zeroed) : bytes_(bytes) {
  // Looked after by the pointer, so that it is given back whatever happens here.
  const auto give = [](DeviceMemory* memory) {
    give_device_memory(std::move(*memory));
    delete memory;
  };
  const std::shared_ptr<DeviceMemory> memory(new DeviceMemory(take_device_memory(bytes)), give);
  data_ = memory->data;
  capacity_ = memory->capacity;
  extra_ = memory;
  if (zeroed) fill_on_device(data_, 0, bytes);
  count_allocated(bytes);
}

Block::~Block() { count_freed(bytes_); }

size_t allocated_bytes() { return allocated.load(); }
void count_allocated(size_t bytes) { allocated += bytes; }
void count_freed(size_t bytes) { allocated -= bytes; }

size_t cached_bytes() {
  Cache& all = cache();
  const std::lock_guard lock(all.mutex);
  return all.bytes;
}

size_t peak_device_bytes() {
  Cache& all = cache();
  const std::lock_guard lock(all.mutex);
  return all.peak;
}

void trim_memory() {
  free_kept();
  device::trim();
}

bool tensors_are_host_memory() { return false; }
void copy_in(void* tensor, const void* host, size_t bytes) {
  if (Recording* step = recording()) step->refuse("it uploads values");
  device::upload(tensor, host, bytes);
}
void copy_out(void* host, const void* tensor, size_t bytes) { read_back(host, tensor, bytes); }

}  // namespace salient
