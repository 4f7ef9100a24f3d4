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

namespace salient {
namespace {

constexpr size_t kStep = 512;
constexpr size_t kLarge = size_t{1} << 20;
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

}  // namespace

DeviceMemory take_device_memory(size_t bytes) {
  Cache& all = cache();
  const size_t step = bytes < kLarge ? kStep : kLargeStep, wanted = round_up(bytes == 0 ? 1 : bytes, step);
  if (wanted < bytes) out_of_memory(bytes);
  {
    const std::lock_guard lock(all.mutex);
    const auto found = all.blocks.lower_bound(wanted);
    // A large block may waste an eighth of itself, a small one half.
    const size_t most = wanted < kLarge ? 2 * wanted : wanted + wanted / 8;
    if (found != all.blocks.end() && found->first <= most) {
      DeviceMemory memory{found->second.data, found->first, std::move(found->second.mark)};
      all.bytes -= found->first;
      all.blocks.erase(found);
      return memory;
    }
  }
  void* data = device::allocate(wanted);
  if (data == nullptr) {
    free_kept();
    data = device::allocate(wanted);
    if (data == nullptr) out_of_memory(bytes);
  }
  const std::lock_guard lock(all.mutex);
  all.taken += wanted;
  all.peak = std::max(all.peak, all.taken);
  return {static_cast<uint8_t*>(data), wanted, nullptr};
}

void give_device_memory(DeviceMemory memory) noexcept {
  if (memory.data == nullptr) return;
  Cache& all = cache();
  bool kept = false;
  try {
    std::shared_ptr<device::Mark> mark;
    if (memory.capacity >= kLarge) {
      device::enter();  // a handle may be released on any thread
      mark = device::mark();
    }
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

Block::Block(size_t bytes, bool zeroed) : bytes_(bytes) {
  DeviceMemory memory = take_device_memory(bytes);
  data_ = memory.data;
  capacity_ = memory.capacity;
  extra_ = std::move(memory.mark);
  count_allocated(bytes);
  if (zeroed) device::fill(data_, 0, bytes);
}

Block::~Block() {
  count_freed(bytes_);
  give_device_memory({data_, capacity_, nullptr});
}

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
void copy_in(void* tensor, const void* host, size_t bytes) { device::upload(tensor, host, bytes); }
void copy_out(void* host, const void* tensor, size_t bytes) { device::download(host, tensor, bytes); }
void copy_within(void* target, const void* source, size_t bytes) { device::move(target, source, bytes); }

}  // namespace salient
