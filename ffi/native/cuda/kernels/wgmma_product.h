// Products of 16-bit and 8-bit matrices on sm_90a.
#pragma once

#include "tensor_product.h"

namespace salient::cuda {

// y = a b^T as tensor_product gives it; false where the device or the matrices are not for it: then nothing was done.
bool wgmma_product(Element type, const TensorProduct& product);

}  // namespace salient::cuda
