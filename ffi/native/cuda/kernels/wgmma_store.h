// From a warp's sums of wgmma to rows of y.
//
// The products are y^T = W x^T: a lane holds two outputs of some tokens, and y wants neighbouring outputs of a token. So a
// warp turns its 16 outputs over in a piece of shared memory of its own, 32 tokens at a time, and each lane then has 16
// neighbouring outputs of one token: a whole sector even with 16 bits.
#pragma once

#include "wgmma.h"

namespace salient::cuda {

constexpr u32 kTurnPitch = 20;                       // of a token, in floats: no two lanes of a step meet in a bank
constexpr u32 kTurnBytes = 32 * kTurnPitch * 4;      // of a warp

// give(token of the tile, its 16 sums) for each of N tokens, by the lane that has it.
template <int N, class Sum, class Give>
__device__ __forceinline__ void turn_sums(float* turn, const Sum (&d)[N / 2], Give give) {
  const u32 lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
#pragma unroll
  for (u32 part = 0; part < N / 32; ++part) {
    __syncwarp();
#pragma unroll
    for (u32 j = 0; j < 4; ++j) {
#pragma unroll
      for (u32 i = 0; i < 4; ++i) {
        turn[(8 * j + 2 * c + i % 2) * kTurnPitch + g + 8 * (i / 2)] = static_cast<float>(d[16 * part + 4 * j + i]);
      }
    }
    __syncwarp();
    float sums[16];
#pragma unroll
    for (u32 i = 0; i < 4; ++i) {
      const float4 four = *reinterpret_cast<const float4*>(turn + lane * kTurnPitch + 4 * i);
      sums[4 * i] = four.x, sums[4 * i + 1] = four.y, sums[4 * i + 2] = four.z, sums[4 * i + 3] = four.w;
    }
    give(32 * part + lane, sums);
  }
}

// `count` (at most 16) neighbours from element `at` on.
__device__ __forceinline__ void store_sixteen(void* y, Element type, size_t at, u32 count, const float (&values)[16]) {
  const bool wide = type == Element::F32;
  unsigned char* to = static_cast<unsigned char*>(y) + at * (wide ? 4 : 2);
  if (count < 16 || reinterpret_cast<uintptr_t>(to) % 16 != 0) {
#pragma unroll
    for (u32 i = 0; i < 16; ++i) {
      if (i < count) store_element(y, type, at + i, values[i]);
    }
    return;
  }
  if (wide) {
#pragma unroll
    for (u32 i = 0; i < 4; ++i) {
      reinterpret_cast<float4*>(to)[i] = make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]);
    }
    return;
  }
  u32 words[8];
#pragma unroll
  for (u32 i = 0; i < 8; ++i) {
    words[i] = type == Element::F16 ? pack_f16(values[2 * i], values[2 * i + 1]) : pack_bf16(values[2 * i], values[2 * i + 1]);
  }
  reinterpret_cast<uint4*>(to)[0] = make_uint4(words[0], words[1], words[2], words[3]);
  reinterpret_cast<uint4*>(to)[1] = make_uint4(words[4], words[5], words[6], words[7]);
}

}  // namespace salient::cuda
