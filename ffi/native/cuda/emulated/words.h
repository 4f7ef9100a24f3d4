// CUDA's words on the host. See simt.h; the scheduler is simt.cpp beside this file.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <type_traits>

#if defined(SALIENT_PTX)
#include "../tests/ptx/launch.h"
#endif

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
// One kernel runs at a time, one block after the other: what a block shares can be static.
#define __shared__ static
#define __constant__ static const

// ---------------------------------------------------------------------------------------------------
// Vector types

#define SIMT_VECTORS(name, element, a1, a2, a4)                                                    \
  struct __align__(a1) name##1 { element x; };                                                     \
  struct __align__(a2) name##2 { element x, y; };                                                  \
  struct name##3 { element x, y, z; };                                                             \
  struct __align__(a4) name##4 { element x, y, z, w; };                                            \
  inline name##1 make_##name##1(element x) { return {x}; }                                         \
  inline name##2 make_##name##2(element x, element y) { return {x, y}; }                           \
  inline name##3 make_##name##3(element x, element y, element z) { return {x, y, z}; }             \
  inline name##4 make_##name##4(element x, element y, element z, element w) { return {x, y, z, w}; }

SIMT_VECTORS(char, signed char, 1, 2, 4)
SIMT_VECTORS(uchar, unsigned char, 1, 2, 4)
SIMT_VECTORS(short, short, 2, 4, 8)
SIMT_VECTORS(ushort, unsigned short, 2, 4, 8)
SIMT_VECTORS(int, int, 4, 8, 16)
SIMT_VECTORS(uint, unsigned, 4, 8, 16)
SIMT_VECTORS(float, float, 4, 8, 16)
SIMT_VECTORS(double, double, 8, 16, 16)
SIMT_VECTORS(longlong, long long, 8, 16, 16)
SIMT_VECTORS(ulonglong, unsigned long long, 8, 16, 16)
#undef SIMT_VECTORS

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// ---------------------------------------------------------------------------------------------------
// Threads

namespace simt {

struct Place {
  uint3 thread, block;
  dim3 block_size, grid_size;
};
extern Place place;  // of the thread that runs

// Ends the program at a launch that no GPU of the supported generations would take.
void check_limits(const char* name, dim3 grid, dim3 block, size_t shared);
// Runs body once for each thread of each block.
void run(const char* name, dim3 grid, dim3 block, size_t shared, const std::function<void()>& body);
// From now on threads and blocks run in an order drawn by lot, which no result may depend on; 0: as they are numbered.
void draw_order(unsigned seed);
unsigned char* dynamic_shared();
size_t dynamic_bytes();
// Bytes of shared memory that a launch may ask for: what every GPU has, until a kernel of one that has more raises it.
constexpr size_t kSharedOfEvery = 99 * 1024;
extern size_t most_shared;
// Returns when the condition holds; others run meanwhile.
void wait_until(const std::function<bool()>& condition);
void block_barrier();
void warp_barrier(unsigned mask);
// Waits for the lanes of the mask, which orders no memory.
void warp_meeting(unsigned mask);
unsigned lane();
unsigned living_lanes();
// Every lane of the mask gives its bits; returns those of lane `source` (its own where that lane is not there).
uint64_t exchange(unsigned mask, uint64_t bits, unsigned source);

template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
            Arguments&&... arguments) {
  const auto run_once = [=](const Parameters&... values) {
#if defined(SALIENT_PTX)
    const ptx::Argument list[] = {{&values, sizeof values}...};
    check_limits(name, grid, block, shared);
    ptx::launch(name, reinterpret_cast<const void*>(kernel), {grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared,
                list, sizeof...(values));
#else
    run(name, grid, block, shared, [&] { kernel(values...); });
#endif
  };
  run_once(static_cast<Parameters>(arguments)...);
  if (tape == nullptr) return;
  tape->push_back([=, ... values = static_cast<Parameters>(arguments)] { run_once(values...); });
}

template <class T>
T shuffle(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(mask, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace simt

#define threadIdx (::simt::place.thread)
#define blockIdx (::simt::place.block)
#define blockDim (::simt::place.block_size)
#define gridDim (::simt::place.grid_size)
constexpr int warpSize = 32;

#define SIMT_DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(::simt::dynamic_shared())

inline void __syncthreads() { ::simt::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { ::simt::warp_barrier(mask); }
inline void __threadfence() {}
inline void __threadfence_block() {}

// ---------------------------------------------------------------------------------------------------
// Lanes of a warp

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const unsigned lane = ::simt::lane(), first = lane & ~static_cast<unsigned>(width - 1);
  return ::simt::shuffle(mask, value, first + (static_cast<unsigned>(source) & static_cast<unsigned>(width - 1)));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const unsigned lane = ::simt::lane(), source = lane ^ static_cast<unsigned>(bits);
  const unsigned last = lane | static_cast<unsigned>(width - 1);
  return ::simt::shuffle(mask, value, source > last ? lane : source);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32) {
  const unsigned lane = ::simt::lane(), first = lane & ~static_cast<unsigned>(width - 1);
  return ::simt::shuffle(mask, value, lane < first + distance ? lane : lane - distance);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32) {
  const unsigned lane = ::simt::lane(), last = lane | static_cast<unsigned>(width - 1);
  return ::simt::shuffle(mask, value, lane + distance > last ? lane : lane + distance);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  unsigned all = 0;
  const unsigned there = mask & ::simt::living_lanes();
  for (unsigned lane = 0; lane < 32; lane++) {
    // Every lane asks every lane, so that all of them wait for each other the same number of times.
    const uint64_t bit = ::simt::exchange(mask, predicate != 0, lane);
    if ((there >> lane & 1) != 0 && bit != 0) all |= 1u << lane;
  }
  return all;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }
inline unsigned __activemask() { return ::simt::living_lanes(); }

// ---------------------------------------------------------------------------------------------------
// Atomics, without an order of other memory. Threads take turns only where they wait: what is said here is for ThreadSanitizer.

namespace simt {

// *at becomes change(*at); returns what it was.
template <class T, class Change>
T update(T* at, const Change& change) {
  T before, after;
  __atomic_load(at, &before, __ATOMIC_RELAXED);
  do {
    after = change(before);
  } while (!__atomic_compare_exchange(at, &before, &after, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return before;
}

}  // namespace simt

template <class T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  return ::simt::update(at, [&](T before) { return static_cast<T>(before + value); });
}
template <class T>
T atomicMax(T* at, std::type_identity_t<T> value) {
  return ::simt::update(at, [&](T before) { return value > before ? value : before; });
}
template <class T>
T atomicMin(T* at, std::type_identity_t<T> value) {
  return ::simt::update(at, [&](T before) { return value < before ? value : before; });
}
template <class T>
T atomicOr(T* at, std::type_identity_t<T> value) {
  return ::simt::update(at, [&](T before) { return before | value; });
}
template <class T>
T atomicExch(T* at, std::type_identity_t<T> value) {
  return ::simt::update(at, [&](T) { return value; });
}
template <class T>
T atomicCAS(T* at, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return ::simt::update(at, [&](T before) { return before == expected ? value : before; });
}

// ---------------------------------------------------------------------------------------------------
// Arithmetic

using std::isfinite;
using std::isinf;
using std::isnan;
using std::max;
using std::min;

inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float __expf(float x) { return std::exp(x); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(unsigned x) { return std::countl_zero(x); }
inline int __ffs(unsigned x) { return x == 0 ? 0 : std::countr_zero(x) + 1; }
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; i++) {
    const unsigned nibble = selector >> (4 * i) & 15;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (nibble & 7))) & 255;
    if ((nibble & 8) != 0) byte = (byte & 128) != 0 ? 255 : 0;
    result |= byte << (8 * i);
  }
  return result;
}
template <class T>
T __ldg(const T* at) {
  return *at;
}
template <class T>
T __ldcs(const T* at) {
  return *at;
}
template <class T>
T __ldcg(const T* at) {
  return *at;
}
template <class T>
void __stcs(T* at, T value) {
  *at = value;
}
