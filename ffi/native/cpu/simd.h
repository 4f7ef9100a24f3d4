// One vector of floats, V, at the widest level that this file is compiled for.
//
// Included only by level_*.cpp and compiled once for each level, so everything is in an unnamed
// namespace and nothing of the standard library is used: the linker must never take code compiled for a
// wide level for a function of the same name elsewhere.
//
// Arithmetic rounds each operation to fp32; only fma() fuses. min(a, b) and max(a, b) return b when
// either is NaN, at every level.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace salient {
namespace {

inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

inline float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint16_t to_bf16(float value) {
  const uint32_t u = bits_of(value);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(u >> 16 | 0x40);
  return static_cast<uint16_t>((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

inline float from_bf16(uint16_t value) { return float_of(static_cast<uint32_t>(value) << 16); }

}  // namespace
}  // namespace salient

#if defined(__AVX512F__)
#include "simd_avx512.h"
#elif defined(__AVX2__)
#include "simd_avx2.h"
#elif defined(SALIENT_NEON)
#include "simd_neon.h"
#else
#include "simd_generic.h"
#endif
