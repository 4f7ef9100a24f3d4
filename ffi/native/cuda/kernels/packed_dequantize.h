// From a word of codes to the A operand of a product, in registers: q - zero as fp16 or bf16, which is exact.
//
// A number's bits are put under an exponent at which its last mantissa bit counts 1 (or 1/16), and what the exponent
// stands for is subtracted together with the zero point. Scales come later, on fp32 sums: no weight is rounded.
#pragma once

#include "warp_ops.h"

namespace salient::cuda {

struct HalfF16 {
  static __device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_f16(d, a, b); }
};
struct HalfBf16 {
  static __device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_bf16(d, a, b); }
};

// What dequantizing needs of a group: `row[0]` for row g, `row[1]` for row g + 8.
template <class Half, int container>
struct ZeroPoints;
// Registers 0 to 3 of step `step` of a unit from the lane's words of that unit (2 with 4 bits, 4 with bytes).

template <>
struct ZeroPoints<HalfF16, 4> {
  u32 row[2];
  __device__ __forceinline__ ZeroPoints(u32 z0, u32 z1) {
    row[0] = 0x64006400u | z0 | z0 << 16;       // 1024 + z
    row[1] = 0xd400d400u | z1 << 4 | z1 << 20;  // -(64 + z)
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int step) const {
    const u32 low = words[step], high = low >> 8;
    constexpr u32 kSixteenth = 0x2c002c00u;
    a[0] = sub_f16x2(masked<0x000f000fu, 0x64006400u>(low), row[0]);
    a[1] = fma_f16x2(masked<0x00f000f0u, 0x64006400u>(low), kSixteenth, row[1]);
    a[2] = sub_f16x2(masked<0x000f000fu, 0x64006400u>(high), row[0]);
    a[3] = fma_f16x2(masked<0x00f000f0u, 0x64006400u>(high), kSixteenth, row[1]);
  }
};

template <>
struct ZeroPoints<HalfBf16, 4> {
  u32 row[2];
  __device__ __forceinline__ ZeroPoints(u32 z0, u32 z1) {
    row[0] = 0xc300c300u | z0 | z0 << 16;  // -(128 + z)
    row[1] = 0xc300c300u | z1 | z1 << 16;
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int step) const {
    constexpr u32 kOne = 0x3f803f80u;
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      a[r] = fma_bf16x2(masked<0x000f000fu, 0x43004300u>(words[step] >> 4 * r), kOne, row[r % 2]);
    }
  }
};

template <>
struct ZeroPoints<HalfF16, 8> {
  u32 row[2];
  __device__ __forceinline__ ZeroPoints(u32 z0, u32 z1) {
    row[0] = 0x64006400u | z0 | z0 << 16;
    row[1] = 0x64006400u | z1 | z1 << 16;
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int step) const {
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      const u32 pair = __byte_perm(words[2 * step + r / 2], 0x64646464u, r % 2 == 0 ? 0x4140 : 0x4342);
      a[r] = sub_f16x2(pair, row[r % 2]);
    }
  }
};

// bf16 has too few bits for 128 + q of a byte: through fp32, of whose results the upper half is all.
template <>
struct ZeroPoints<HalfBf16, 8> {
  float row[2];
  __device__ __forceinline__ ZeroPoints(u32 z0, u32 z1) {
    row[0] = 8388608.0f + static_cast<float>(z0);
    row[1] = 8388608.0f + static_cast<float>(z1);
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int step) const {
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      const u32 word = words[2 * step + r / 2];
      const u32 first = r % 2 == 0 ? 0x7540 : 0x7542;
      const float low = __uint_as_float(__byte_perm(word, 0x4b000000u, first)) - row[r % 2];
      const float high = __uint_as_float(__byte_perm(word, 0x4b000000u, first + 1)) - row[r % 2];
      a[r] = __byte_perm(__float_as_uint(low), __float_as_uint(high), 0x7632);
    }
  }
};

}  // namespace salient::cuda
