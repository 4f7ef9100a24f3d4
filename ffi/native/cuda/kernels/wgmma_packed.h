// y = x W^T + bias of a packed weight on sm_90a, dequantizing in registers. See wgmma_packed_product.h.
#pragma once

#include "elements.h"

namespace salient::cuda {

// Whether this kernel is to serve T tokens here (thresholds.h), and can.
bool wgmma_packed_serves(const PackedLayout& layout, u32 T);

// As packed_linear_workspace and packed_linear. A bf16 x is multiplied as bf16, all others as fp16.
size_t wgmma_packed_workspace(const PackedLayout& layout, Element x_type, u32 T);
void wgmma_packed_linear(const PackedLayout& layout, const void* data, const void* x, Element x_type, const float* bias, void* y,
                         Element y_type, u32 T, const Workspace& workspace);

}  // namespace salient::cuda
