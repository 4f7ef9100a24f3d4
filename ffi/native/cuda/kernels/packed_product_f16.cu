// Instances of packed_product for f16 inputs: a file of their own, so that compilers work side by side.
#include "packed_instances.h"

namespace salient::cuda {

void launch_packed_product_f16(const PackedProduct& product, dim3 grid) { launch_instance<HalfF16>(product, grid); }

}  // namespace salient::cuda
