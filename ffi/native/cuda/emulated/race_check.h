// ThreadSanitizer as a check for races between the threads of a block, of shared and of global memory.
//
// Each thread of a block is a fiber of the sanitizer. Taking turns orders nothing there: only what orders memory on a GPU
// does, which is barriers of the block and of the warp. Shuffles and matrix operations do not. Blocks are ordered, one after
// the other: races between blocks are not looked for.
#pragma once

#if defined(SALIENT_RACE_CHECK) || defined(__SANITIZE_THREAD__)

extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* token);
void __tsan_release(void* token);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}

namespace race_check {

constexpr bool on = true;
inline void* current() { return __tsan_get_current_fiber(); }
inline void* create() { return __tsan_create_fiber(0); }
// The turn goes to another fiber, which orders nothing.
inline void turn_to(void* fiber) { __tsan_switch_to_fiber(fiber, 1); }
// What was done before release() is done before what comes after acquire() of the same token.
inline void release(void* token) { __tsan_release(token); }
inline void acquire(void* token) { __tsan_acquire(token); }

// What a thread does while it lives is the emulation's work, not the kernel's.
struct Unchecked {
  Unchecked() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
  ~Unchecked() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__), AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

}  // namespace race_check

#else

namespace race_check {

constexpr bool on = false;
inline void* current() { return nullptr; }
inline void* create() { return nullptr; }
inline void turn_to(void*) {}
inline void release(void*) {}
inline void acquire(void*) {}
struct Unchecked {
  Unchecked() {}
};

}  // namespace race_check

#endif
