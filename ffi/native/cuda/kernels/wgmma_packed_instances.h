// The instances of wgmma_packed: what a launch needs, and which one serves it.
#pragma once

#include "wgmma_packed_product.h"

namespace salient::cuda {

struct WgmmaPackedLaunch {
  TensorMap x, codes, meta;
  WgmmaPacked product;
  u32 tokens;  // of a tile, 64 or 128
  dim3 grid;
};

// Whether the two units of a chunk can be of different groups.
inline bool splits_chunks(const PackedLayout& l) { return l.groups > 1 && l.units_of_group % 2 != 0; }

template <class C>
void launch_wgmma_config(const WgmmaPackedLaunch& l) {
#if defined(SALIENT_EMULATED)
  simt::most_shared = kMostShared;
#endif
  simt::launch("wgmma product of a packed weight", wgmma_packed<C>, l.grid, kWgmmaThreads, C::shared_bytes, l.x, l.codes, l.meta, l.product);
}

template <class Type, int container, int tokens>
void launch_wgmma_tokens(const WgmmaPackedLaunch& l) {
  if (splits_chunks(l.product.layout)) launch_wgmma_config<WgmmaPackedConfig<Type, container, tokens, true>>(l);
  else launch_wgmma_config<WgmmaPackedConfig<Type, container, tokens, false>>(l);
}

template <class Type>
void launch_wgmma_type(const WgmmaPackedLaunch& l) {
  const bool bytes = l.product.layout.container == 8;
  if (l.tokens == 64) bytes ? launch_wgmma_tokens<Type, 8, 64>(l) : launch_wgmma_tokens<Type, 4, 64>(l);
  else bytes ? launch_wgmma_tokens<Type, 8, 128>(l) : launch_wgmma_tokens<Type, 4, 128>(l);
}

}  // namespace salient::cuda
