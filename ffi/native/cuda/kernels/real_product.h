// Products in fp32, without tensor cores.
#pragma once

#include "elements.h"
#include "thresholds.h"

namespace salient::cuda {

struct RealProduct {
  const void* x;  // [T, K]
  Element x_type;
  const void* w;  // [N, K]
  Element w_type;
  const float* row_scales;  // [T] or null
  const float* bias;
  void* y;  // [T, N]
  Element y_type;
  u32 T, K, N;
};

// Tiles of 128 x 128 of y.
void real_product(const RealProduct& product);
// For at most kFewRows (thresholds.h) rows of x: reads w once, a warp for four outputs.
void few_rows_product(const RealProduct& product);

}  // namespace salient::cuda
