// From a lane's words of codes to the A operand of a product, in registers: q - zero as fp16 or bf16, which is exact.
//
// A code's bits are put under an exponent at which its last bit counts 1: (word & mask) | magic is 2^m + q 2^p where
// the code stands p bits above the end of a mantissa of m bits. One fused multiply-add makes q - z of it, times 2^-p
// less (2^m 2^-p + z), without rounding. fp16 (m = 10) takes codes at any place of the lower ten bits of a half
// word as they are, bf16 (m = 7) of seven; what lies higher is shifted down first, both halves at once. Scales come
// later, on fp32 sums: no weight is rounded.
//
// Instructions of a lane for its 32 codes of a chunk, and those for the constants of a tile's chunk:
//
//   bits         logic  fma  shifts  other    a code   constants
//   2   fp16        16   16      2              1.06           4
//       bf16        16   16      6              1.19           4
//   3   fp16        16   16      3   2 logic    1.16           7
//       bf16        16   16      6   2 logic    1.25           6
//   4   fp16        16   16      4              1.13           2
//       bf16        16   16     12              1.38           2
//   8   fp16             16         16 prmt     1.00           2
//       bf16             32         48 prmt     2.50           2
#pragma once

#include "warp_ops.h"

namespace salient::cuda {

struct HalfF16 {
  static constexpr u32 one = 0x3c00, whole = 0x6400, exponent = 0x400;  // 1; 2^10; a step of the exponent
  static __device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_f16(d, a, b); }
  static __device__ __forceinline__ u32 fma(u32 a, u32 b, u32 c) { return fma_f16x2(a, b, c); }
};
struct HalfBf16 {
  static constexpr u32 one = 0x3f80, whole = 0x4300, exponent = 0x80;  // 1; 2^7; a step of the exponent
  static __device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_bf16(d, a, b); }
  static __device__ __forceinline__ u32 fma(u32 a, u32 b, u32 c) { return fma_bf16x2(a, b, c); }
};

constexpr u32 kBothHalves = 0x00010001u;

// The lowest byte of a word in both halves of the result.
__device__ __forceinline__ u32 zero_of(u32 meta) { return __byte_perm(meta, 0, 0x4040); }

// -(2^m 2^-p + z) in both halves, z below 2^m 2^-p, of a zero point that is in both: a shift and a sum in one.
template <class Half, int p>
__device__ __forceinline__ u32 minus_zero(u32 z) {
  return (z << p) + (0x8000u + Half::whole - p * Half::exponent) * kBothHalves;
}

// q - z of the codes p bits above the ends of a word's halves; `minus` is minus_zero<Half, p> of the zero point.
template <class Half, int bits, int p>
__device__ __forceinline__ u32 pair_at(u32 word, u32 minus) {
  constexpr u32 kMask = ((1u << bits) - 1) * (kBothHalves << p);
  return Half::fma(masked<kMask, Half::whole * kBothHalves>(word), (Half::one - p * Half::exponent) * kBothHalves, minus);
}

// What dequantizing needs of a group: constants of row g (from its word of scale and zero point) and of row g + 8. registers() gives registers 0 to
// 3 of a step of a unit from the lane's words: of the chunk, or of the unit with bytes.
template <class Half, int container>
struct ZeroPoints;

template <class Half>
struct ZeroPoints<Half, 2> {
  static constexpr bool wide = Half::exponent == 0x400;  // the mantissa holds four codes, else two
  u32 low[2], high[2];
  __device__ __forceinline__ void set(u32 meta0, u32 meta1) {
    const u32 z0 = zero_of(meta0), z1 = zero_of(meta1);
    low[0] = minus_zero<Half, 0>(z0), low[1] = minus_zero<Half, 2>(z0);
    high[0] = minus_zero<Half, wide ? 4 : 0>(z1), high[1] = minus_zero<Half, wide ? 6 : 2>(z1);
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int unit, int step) const {
    const u32 word = words[unit] >> 8 * step, above = wide ? word : words[unit] >> (8 * step + 4);
    a[0] = pair_at<Half, 2, 0>(word, low[0]);
    a[1] = pair_at<Half, 2, wide ? 4 : 0>(above, high[0]);
    a[2] = pair_at<Half, 2, 2>(word, low[1]);
    a[3] = pair_at<Half, 2, wide ? 6 : 2>(above, high[1]);
  }
};

// Slots of slot_of_pair, in the order in which steps and registers take them. The three words are shifted by different
// numbers of bits, so that their bits 15 come to lie side by side.
template <>
struct ZeroPoints<HalfF16, 3> {
  u32 z0_0, z0_3, z1_6, z1_1, z1_4, z1_2, z1_5;
  __device__ __forceinline__ void set(u32 meta0, u32 meta1) {
    const u32 z0 = zero_of(meta0), z1 = zero_of(meta1);
    z0_0 = minus_zero<HalfF16, 0>(z0), z0_3 = minus_zero<HalfF16, 3>(z0), z1_6 = minus_zero<HalfF16, 6>(z1);
    z1_1 = minus_zero<HalfF16, 1>(z1), z1_4 = minus_zero<HalfF16, 4>(z1);
    z1_2 = minus_zero<HalfF16, 2>(z1), z1_5 = minus_zero<HalfF16, 5>(z1);
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int unit, int step) const {
    const u32 s0 = words[0] >> 9, s1 = words[1] >> 8, s2 = words[2] >> 7;
    const u32 first = unit == 1 ? words[1 + step] : step == 0 ? words[0] : s0;
    a[0] = pair_at<HalfF16, 3, 0>(first, z0_0);
    a[2] = pair_at<HalfF16, 3, 3>(first, z0_3);
    if (unit == 0 && step == 0) {
      a[1] = pair_at<HalfF16, 3, 6>(words[0], z1_6);
      a[3] = pair_at<HalfF16, 3, 6>(words[1], z1_6);
    } else if (unit == 0) {
      a[1] = pair_at<HalfF16, 3, 1>(s1, z1_1);
      a[3] = pair_at<HalfF16, 3, 4>(s1, z1_4);
    } else if (step == 0) {
      a[1] = pair_at<HalfF16, 3, 6>(words[2], z1_6);
      a[3] = pair_at<HalfF16, 3, 2>(s2, z1_2);
    } else {
      a[1] = pair_at<HalfF16, 3, 5>(s2, z1_5);
      a[3] = pair_at<HalfF16, 3, 6>(chosen<0x00c000c0u>(chosen<0x00400040u>(s0, s1), s2), z1_6);
    }
  }
};

template <>
struct ZeroPoints<HalfBf16, 3> {
  u32 z0_0, z0_3, z1_0, z1_3, z1_1, z1_2;
  __device__ __forceinline__ void set(u32 meta0, u32 meta1) {
    const u32 z0 = zero_of(meta0), z1 = zero_of(meta1);
    z0_0 = minus_zero<HalfBf16, 0>(z0), z0_3 = minus_zero<HalfBf16, 3>(z0);
    z1_0 = minus_zero<HalfBf16, 0>(z1), z1_3 = minus_zero<HalfBf16, 3>(z1);
    z1_1 = minus_zero<HalfBf16, 1>(z1), z1_2 = minus_zero<HalfBf16, 2>(z1);
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int unit, int step) const {
    const u32 m0 = words[0] >> 6, m1 = words[1] >> 6, m2 = words[2] >> 6;
    const u32 s0 = words[0] >> 12, s1 = words[1] >> 11, s2 = words[2] >> 10;
    if (unit == 0 && step == 1) {
      a[0] = pair_at<HalfBf16, 3, 3>(m0, z0_3);
      a[2] = pair_at<HalfBf16, 3, 0>(s0, z0_0);
    } else {
      a[0] = pair_at<HalfBf16, 3, 0>(words[unit + step], z0_0);
      a[2] = pair_at<HalfBf16, 3, 3>(words[unit + step], z0_3);
    }
    if (unit == 0 && step == 0) {
      a[1] = pair_at<HalfBf16, 3, 0>(m0, z1_0);
      a[3] = pair_at<HalfBf16, 3, 0>(m1, z1_0);
    } else if (unit == 0) {
      a[1] = pair_at<HalfBf16, 3, 3>(m1, z1_3);
      a[3] = pair_at<HalfBf16, 3, 1>(s1, z1_1);
    } else if (step == 0) {
      a[1] = pair_at<HalfBf16, 3, 0>(m2, z1_0);
      a[3] = pair_at<HalfBf16, 3, 3>(m2, z1_3);
    } else {
      a[1] = pair_at<HalfBf16, 3, 2>(s2, z1_2);
      a[3] = pair_at<HalfBf16, 3, 3>(chosen<0x00180018u>(chosen<0x00080008u>(s0, s1), s2), z1_3);
    }
  }
};

template <class Half>
struct ZeroPoints<Half, 4> {
  static constexpr int above = Half::exponent == 0x400 ? 4 : 0;  // where the second code of a byte is taken
  u32 row[2];
  __device__ __forceinline__ void set(u32 meta0, u32 meta1) {
    const u32 z0 = zero_of(meta0), z1 = zero_of(meta1);
    row[0] = minus_zero<Half, 0>(z0), row[1] = minus_zero<Half, above>(z1);
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int unit, int step) const {
    const u32 word = words[2 * unit + step];
    a[0] = pair_at<Half, 4, 0>(word, row[0]);
    a[1] = pair_at<Half, 4, above>(word >> (4 - above), row[1]);
    a[2] = pair_at<Half, 4, 0>(word >> 8, row[0]);
    a[3] = pair_at<Half, 4, above>(word >> (12 - above), row[1]);
  }
};

template <>
struct ZeroPoints<HalfF16, 8> {
  u32 row[2];
  __device__ __forceinline__ void set(u32 meta0, u32 meta1) {
    const u32 z0 = zero_of(meta0), z1 = zero_of(meta1);
    row[0] = 0x64006400u | z0, row[1] = 0x64006400u | z1;
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int, int step) const {
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
  __device__ __forceinline__ void set(u32 meta0, u32 meta1) {
    row[0] = 8388608.0f + static_cast<float>(meta0 & 255);
    row[1] = 8388608.0f + static_cast<float>(meta1 & 255);
  }
  __device__ __forceinline__ void registers(u32 (&a)[4], const u32* words, int, int step) const {
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
