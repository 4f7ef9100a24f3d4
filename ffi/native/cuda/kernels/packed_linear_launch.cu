// See packed_linear_launch.h.
#include "packed_linear_launch.h"

#include "packed_instances.h"

namespace salient::cuda {

void launch_packed_product_f16(const PackedProduct& product, dim3 grid);
void launch_packed_product_bf16(const PackedProduct& product, dim3 grid);

PackedShape packed_shape(u32 T) {
  auto of = []<class C>(C) { return PackedShape{C::tokens, C::rows, C::KW}; };
  if (T <= kTokenSteps[0]) return of(FewConfig<HalfF16, 4>{});
  if (T <= kTokenSteps[1]) return of(EightConfig<HalfF16, 4>{});
  if (T <= kTokenSteps[2]) return of(SixteenConfig<HalfF16, 4>{});
  if (T <= kTokenSteps[3]) return of(ThirtyTwoConfig<HalfF16, 4>{});
  return of(ManyConfig<HalfF16, 4>{});
}

void launch_packed_product(const PackedProduct& product, Element half, dim3 grid) {
  if (half == Element::F16) launch_packed_product_f16(product, grid);
  else launch_packed_product_bf16(product, grid);
}

}  // namespace salient::cuda
