// Memory of tensors. Large blocks come from the system directly and are kept for a while when they are
// freed: on virtual machines touching fresh pages costs more than most operations on them.

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include <sys/mman.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "objects.h"

namespace salient {

namespace {

constexpr size_t kLarge = size_t{1} << 20;
constexpr size_t kMaxCached = size_t{256} << 20;
constexpr size_t kHugePage = size_t{2} << 20;

std::atomic<size_t> allocated{0};

struct Cache {
  std::mutex mutex;
  std::multimap<size_t, uint8_t*> blocks;  // by capacity
  size_t bytes = 0;
};
Cache& cache() {
  static auto* instance = new Cache;
  return *instance;
}

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

// A cached block of at least `bytes` that wastes at most an eighth, or null.
uint8_t* take_cached(size_t bytes, size_t& capacity) {
  Cache& all = cache();
  std::lock_guard lock(all.mutex);
  const auto found = all.blocks.lower_bound(bytes);
  if (found == all.blocks.end() || found->first > bytes + bytes / 8) return nullptr;
  uint8_t* data = found->second;
  capacity = found->first;
  all.bytes -= capacity;
  all.blocks.erase(found);
  return data;
}

bool keep_cached(uint8_t* data, size_t capacity) noexcept {
  try {
    Cache& all = cache();
    std::lock_guard lock(all.mutex);
    if (all.bytes + capacity > kMaxCached) return false;
    all.blocks.emplace(capacity, data);
    all.bytes += capacity;
    return true;
  } catch (...) {
    return false;
  }
}

uint8_t* map_fresh(size_t capacity) {
  void* data = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    trim_memory();
    data = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) throw std::bad_alloc();
  }
#if defined(MADV_HUGEPAGE)
  if (capacity >= 4 * kHugePage) madvise(data, capacity, MADV_HUGEPAGE);
#endif
  return static_cast<uint8_t*>(data);
}

}  // namespace

Block::Block(size_t bytes, bool zeroed) : bytes_(bytes) {
  if (bytes < kLarge) {
    capacity_ = round_up(bytes == 0 ? 1 : bytes, 64);
    data_ = static_cast<uint8_t*>(std::aligned_alloc(64, capacity_));
    if (data_ == nullptr) throw std::bad_alloc();
    if (zeroed) std::memset(data_, 0, bytes);
  } else {
    data_ = take_cached(bytes, capacity_);
    if (data_ != nullptr) {
      if (zeroed) {
        uint8_t* data = data_;
        parallel_for(bytes, size_t{4} << 20,
                     [data](size_t begin, size_t end) { std::memset(data + begin, 0, end - begin); });
      }
    } else {
      capacity_ = round_up(bytes, 65536);
      data_ = map_fresh(capacity_);
    }
  }
  count_allocated(bytes);
}

Block::~Block() {
  count_freed(bytes_);
  if (bytes_ < kLarge) {
    std::free(data_);
  } else if (!keep_cached(data_, capacity_)) {
    munmap(data_, capacity_);
  }
}

size_t allocated_bytes() { return allocated.load(); }

size_t cached_bytes() {
  Cache& all = cache();
  std::lock_guard lock(all.mutex);
  return all.bytes;
}

void count_allocated(size_t bytes) { allocated += bytes; }
void count_freed(size_t bytes) { allocated -= bytes; }

void trim_memory() {
  trim_scratch();
  Cache& all = cache();
  {
    std::lock_guard lock(all.mutex);
    for (const auto& [capacity, data] : all.blocks) munmap(data, capacity);
    all.blocks.clear();
    all.bytes = 0;
  }
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

// ---------------------------------------------------------------------------------------------------
// Kernels read what the host reads.

size_t peak_device_bytes() { return 0; }
bool tensors_are_host_memory() { return true; }
void copy_in(void* tensor, const void* host, size_t bytes) { std::memcpy(tensor, host, bytes); }
void copy_out(void* host, const void* tensor, size_t bytes) { std::memcpy(host, tensor, bytes); }
void copy_rows(uint8_t* target, size_t, size_t row, const uint8_t* source, size_t rows, size_t row_bytes) {
  std::memmove(target + row * row_bytes, source, rows * row_bytes);
}
TensorRef resident(TensorRef tensor) { return tensor; }
void forget_resident(const File&, uint64_t, uint64_t) {}
Call::Call() = default;
Call::~Call() = default;
void Call::finish() {}

}  // namespace salient
