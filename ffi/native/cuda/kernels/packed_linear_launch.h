// The instances of packed_product: which shape of block serves how many tokens.
#pragma once

#include "multiprocessors.h"
#include "packed_product.h"

namespace salient::cuda {

// What a block of the instance for T tokens covers.
struct PackedShape {
  u32 tokens, rows, groups;
};
PackedShape packed_shape(u32 T);

// Launches the instance for product.T tokens; x is of type `half` (F16 or BF16).
void launch_packed_product(const PackedProduct& product, Element half, dim3 grid);

}  // namespace salient::cuda
