// Products of 16-bit and 8-bit matrices on tensor cores.
#pragma once

#include "elements.h"

namespace salient::cuda {

// y [T, N] = row_scales[t] column_scales[n] (a b^T) + bias. Rows of a and b are `row_bytes` long, a multiple of 16, and
// start on 16 bytes; y has `stride` elements to a row. Null pointers for factors of 1 and no bias.
struct TensorProduct {
  const unsigned char* a;  // [T, row_bytes]
  const unsigned char* b;  // [N, row_bytes]
  const float* row_scales;
  const float* column_scales;
  const float* bias;
  void* y;
  Element y_type;
  u32 T, N, row_bytes, stride;
};

// `type`: F16, BF16 (fp32 sums) or I8 (int32 sums).
void tensor_product(Element type, const TensorProduct& product);

}  // namespace salient::cuda
