// The shapes of blocks that packed_product is compiled for.
#pragma once

#include "packed_product.h"

namespace salient::cuda {

// Tokens up to which an instance serves. With one or two, x is nothing beside the weight, so a block takes 16 outputs
// and its warps share out the inputs; the more tokens, the more outputs must share what is read of x.
constexpr u32 kTokenSteps[] = {2, 8, 16, 32};

// Stages of a ring, so that a block has the same bytes under way whatever a code takes.
constexpr int stages_of(int container) { return container == 2 ? 6 : container == 3 ? 5 : container == 4 ? 4 : 3; }

template <class Half, int container>
using FewConfig = PackedConfig<Half, container, 1, 1, 1, 8, stages_of(container), kTokenSteps[0]>;
template <class Half, int container>
using EightConfig = PackedConfig<Half, container, 1, 2, 1, 8, stages_of(container)>;
template <class Half, int container>
using SixteenConfig = PackedConfig<Half, container, 2, 2, 4, 2, container == 8 ? 3 : 4>;
template <class Half, int container>
using ThirtyTwoConfig = PackedConfig<Half, container, 4, 2, 4, 2, container == 8 ? 3 : 4>;
template <class Half, int container>
using ManyConfig = PackedConfig<Half, container, 8, 2, 8, 1, container == 8 ? 3 : 4>;

template <class C>
void launch_config(const PackedProduct& p, dim3 grid) {
  static_assert(C::shared_bytes <= 99 * 1024, "more than a block may have on sm_86, 89 and 120");
  simt::launch("packed product", packed_product<C>, grid, C::threads, C::shared_bytes, p);
}

template <class Half, int container>
void launch_container(const PackedProduct& p, dim3 grid) {
  if (p.T <= kTokenSteps[0]) launch_config<FewConfig<Half, container>>(p, grid);
  else if (p.T <= kTokenSteps[1]) launch_config<EightConfig<Half, container>>(p, grid);
  else if (p.T <= kTokenSteps[2]) launch_config<SixteenConfig<Half, container>>(p, grid);
  else if (p.T <= kTokenSteps[3]) launch_config<ThirtyTwoConfig<Half, container>>(p, grid);
  else launch_config<ManyConfig<Half, container>>(p, grid);
}

template <class Half>
void launch_instance(const PackedProduct& p, dim3 grid) {
  with_container(p.layout.container, [&](auto container) { launch_container<Half, container.value>(p, grid); });
}

}  // namespace salient::cuda
