#include "emulated_memory.h"

#include "traffic.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include <sys/mman.h>

namespace emulated {
namespace {

struct Memory {
  std::mutex mutex;
  std::map<unsigned char*, size_t> blocks;
  size_t used = 0, opened = 0;
};
Memory& memory() {
  static auto* instance = new Memory;
  return *instance;
}

// The size of the emulated device; small ones make running out of memory easy to test.
size_t size_of_device() {
  const char* text = std::getenv("SALIENT_EMULATED_MEMORY");
  const size_t mebibytes = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  return (mebibytes == 0 ? 2048 : mebibytes) << 20;
}

// Small positive numbers, whether they are read as F32 or F64, and falling, so that a search finds that the last is best.
void fill_with_numbers(void* data, size_t bytes) {
  auto* words = static_cast<unsigned char*>(data);
  for (size_t at = 0; at + 4 <= bytes; at += 4) {
    const unsigned word = 0x3f300000u - static_cast<unsigned>(at / 8) * 0x80u;
    std::memcpy(words + at, &word, 4);
  }
}

// Whether memory is out of reach between kernels. Every launch then costs two system calls for each block, so it is for
// a run of its own; the address sanitizer needs blocks of malloc, whose ends it looks after.
bool protects() {
#if defined(__SANITIZE_ADDRESS__)
  return false;
#else
  static const bool asked = std::getenv("SALIENT_EMULATED_PROTECT") != nullptr;
  return asked;
#endif
}

size_t mapped_size(size_t bytes) { return protects() ? (bytes + 4095) / 4096 * 4096 : bytes; }

void protect(const Memory& all, int how) {
  if (!protects()) return;
  for (const auto& [data, bytes] : all.blocks) mprotect(data, bytes, how);
}

}  // namespace

Opened::Opened() {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  if (all.opened++ == 0) protect(all, PROT_READ | PROT_WRITE);
}

Opened::~Opened() {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  if (--all.opened == 0) protect(all, PROT_NONE);
}

void* allocate(size_t bytes) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  note(Asked::Allocate, bytes);
  const size_t size = mapped_size(bytes == 0 ? 1 : bytes);
  if (size > size_of_device() - all.used) return nullptr;
  void* data;
  if (protects()) {
    data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return nullptr;
    std::memset(data, 0xff, size);
    if (all.opened == 0) mprotect(data, size, PROT_NONE);
  } else if (idle()) {
    data = std::malloc(size);
    if (data == nullptr) return nullptr;
    if (size <= kSmall) fill_with_numbers(data, size);
  } else {
    data = std::malloc(size);
    if (data == nullptr) return nullptr;
    std::memset(data, 0xff, size);
  }
  all.blocks.emplace(static_cast<unsigned char*>(data), size);
  all.used += size;
  return data;
}

void free(void* data) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  const auto found = all.blocks.find(static_cast<unsigned char*>(data));
  if (found == all.blocks.end()) std::abort();
  note(Asked::Free, found->second);
  all.used -= found->second;
  if (protects()) munmap(data, found->second);
  else std::free(data);
  all.blocks.erase(found);
}

Extent extent_of(const void* address) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  auto next = all.blocks.upper_bound(static_cast<unsigned char*>(const_cast<void*>(address)));
  if (next == all.blocks.begin()) return {nullptr, 0};
  --next;
  return {next->first, next->second};
}

void left(size_t* left, size_t* total) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  *total = size_of_device();
  *left = *total - all.used;
}

}  // namespace emulated
