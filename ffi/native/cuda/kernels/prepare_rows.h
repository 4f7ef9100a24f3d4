// Rows of x in the type and order that a tensor-core product reads.
#pragma once

#include "elements.h"

namespace salient::cuda {

// How inputs are spread: input k stands at k / group * padded_group + k % group of a row of `width`; the rest is zero.
struct Spread {
  u32 K, group, padded_group, width;
};

// rows [T, K] of `type` to fp16 or bf16 words [T, width]. With `row_scales` [T] each row is first brought to
// magnitudes below 2^15 by a power of two, whose inverse goes there (1 where a row has NaN or infinity).
void prepare_rows(const void* rows, Element type, uint16_t* out, Element out_type, float* row_scales, u32 T,
                  const Spread& spread);

}  // namespace salient::cuda
