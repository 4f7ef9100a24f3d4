// Rows of x in the type and order that a tensor-core product reads.
#pragma once

#include "elements.h"

namespace salient::cuda {

// How inputs are spread: input k stands at k / group * padded_group + k % group of a row of `width`; the rest is zero.
struct Spread {
  u32 K, group, padded_group, width;
  bool interleaved = false;  // each unit of 32 in the order of interleaved_place
};

// Where input i of a row stands for wgmma: lane 4g + c of a packed weight has inputs 8c to 8c + 7 of a unit, a product of 16
// takes 2c, 2c + 1, 2c + 8 and 2c + 9 of it.
__host__ __device__ inline u32 interleaved_place(u32 i) {
  const u32 c = i / 8 % 4, step = i / 4 % 2, upper = i / 2 % 2;
  return i / 32 * 32 + 16 * step + 8 * upper + 2 * c + i % 2;
}

// rows [T, K] of `type` to fp16 or bf16 words [T, width]. With `row_scales` [T] each row is first brought to
// magnitudes below 2^15 by a power of two, whose inverse goes there (1 where a row has NaN or infinity).
void prepare_rows(const void* rows, Element type, uint16_t* out, Element out_type, float* row_scales, u32 T,
                  const Spread& spread);

}  // namespace salient::cuda
