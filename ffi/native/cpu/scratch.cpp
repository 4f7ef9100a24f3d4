// The blocks of scratch memory not in use.
#include "scratch.h"

#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "kernels.h"

namespace salient {
namespace {

constexpr size_t kHuge = size_t{2} << 20;

// Stands in the 64 bytes before a block.
struct Header {
  size_t bytes;
};

struct Shelf {
  std::mutex lock;
  std::vector<char*> blocks;  // by size, smallest first
};

// Never destroyed, so that threads may outlive the static objects.
Shelf& shelf() {
  static Shelf* only = new Shelf;
  return *only;
}

Header* header(char* data) { return reinterpret_cast<Header*>(data - 64); }

size_t size_of(char* data) { return header(data)->bytes; }

char* allocate(size_t bytes) {
  // Sizes in steps of an eighth of their power of two, so that near sizes share blocks.
  size_t step = 4096;
  while (step * 16 < bytes) step *= 2;
  const size_t rounded = (bytes + 64 + step - 1) / step * step;
  const size_t alignment = rounded >= kHuge ? kHuge : 4096;
  const size_t total = (rounded + alignment - 1) / alignment * alignment;
  char* base = static_cast<char*>(std::aligned_alloc(alignment, total));
  if (base == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  if (total >= kHuge) madvise(base, total, MADV_HUGEPAGE);
#endif
  new (base) Header{total - 64};
  return base + 64;
}

void release(char* data) { std::free(data - 64); }

}  // namespace

Scratch::Scratch(size_t bytes) {
  Shelf& s = shelf();
  {
    std::lock_guard<std::mutex> guard(s.lock);
    for (size_t i = 0; i < s.blocks.size(); ++i) {
      // A block more than four times too large is left for those that need it.
      if (size_of(s.blocks[i]) < bytes) continue;
      if (size_of(s.blocks[i]) / 4 > bytes + kHuge) break;
      data_ = s.blocks[i];
      s.blocks.erase(s.blocks.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }
  data_ = allocate(bytes);
}

Scratch::~Scratch() {
  Shelf& s = shelf();
  try {
    std::lock_guard<std::mutex> guard(s.lock);
    size_t at = 0;
    while (at < s.blocks.size() && size_of(s.blocks[at]) < size_of(data_)) ++at;
    s.blocks.insert(s.blocks.begin() + static_cast<std::ptrdiff_t>(at), data_);
  } catch (...) {
    release(data_);
  }
}

void trim_scratch() {
  Shelf& s = shelf();
  std::lock_guard<std::mutex> guard(s.lock);
  for (char* block : s.blocks) release(block);
  s.blocks.clear();
}

}  // namespace salient
