// Shapes of blocks that packed_product could have, for the sweep on a device, and for a test that they are right.
#pragma once

#include <vector>

#include "../kernels/packed_product.h"

namespace bench {

struct PackedVariant {
  uint32_t bits, tokens, tiles, warps, turns, stages;  // tiles of a warp; warps side by side on outputs, in turns on inputs
  uint32_t rows, threads;
  size_t shared;
  const void* kernel;
  void (*launch)(const salient::cuda::PackedProduct& product, dim3 grid);
};

template <int bits, int NT, int MT, int NW, int KW, int stages, int kept = 8 * NT>
PackedVariant packed_variant() {
  using namespace salient::cuda;
  using C = PackedConfig<HalfF16, bits, NT, MT, NW, KW, stages, kept>;
  static_assert(C::shared_bytes <= 227 * 1024, "more than a block may have on an H100");
  return {bits, static_cast<uint32_t>(kept == 8 * NT ? 8 * NT : kept), MT, NW, KW, stages, C::rows, C::threads, C::shared_bytes,
          reinterpret_cast<const void*>(&packed_product<C>), [](const PackedProduct& product, dim3 grid) {
            simt::launch("packed variant", packed_product<C>, grid, C::threads, C::shared_bytes, product);
          }};
}

// Those for one or two tokens, where bytes under way and instructions count: more tiles share what a round costs beside
// dequantizing, more warps and stages ask for more.
template <int bits>
void add_matrix_vector(std::vector<PackedVariant>& to) {
  to.push_back(packed_variant<bits, 1, 1, 1, 4, 4, 2>());
  to.push_back(packed_variant<bits, 1, 1, 1, 4, 8, 2>());
  to.push_back(packed_variant<bits, 1, 1, 1, 8, 3, 2>());
  to.push_back(packed_variant<bits, 1, 1, 1, 8, 4, 2>());
  to.push_back(packed_variant<bits, 1, 1, 1, 8, 5, 2>());
  to.push_back(packed_variant<bits, 1, 1, 1, 8, 6, 2>());
  to.push_back(packed_variant<bits, 1, 1, 1, 16, 3, 2>());
  to.push_back(packed_variant<bits, 1, 1, 1, 16, 4, 2>());
  to.push_back(packed_variant<bits, 1, 2, 1, 4, 4, 2>());
  to.push_back(packed_variant<bits, 1, 2, 1, 4, 6, 2>());
  to.push_back(packed_variant<bits, 1, 2, 1, 8, 3, 2>());
  to.push_back(packed_variant<bits, 1, 2, 1, 8, 4, 2>());
  to.push_back(packed_variant<bits, 1, 2, 1, 16, 3, 2>());
  to.push_back(packed_variant<bits, 1, 4, 1, 8, 3, 2>());
}

// Those for 16 and 64 tokens, where it counts how many outputs share what is read of x.
template <int bits>
void add_more_tokens(std::vector<PackedVariant>& to) {
  to.push_back(packed_variant<bits, 2, 2, 2, 4, 4>());
  to.push_back(packed_variant<bits, 2, 2, 4, 2, 3>());
  to.push_back(packed_variant<bits, 2, 2, 4, 2, 4>());
  to.push_back(packed_variant<bits, 2, 2, 4, 2, 6>());
  to.push_back(packed_variant<bits, 2, 1, 4, 2, 4>());
  to.push_back(packed_variant<bits, 2, 1, 4, 4, 4>());
  to.push_back(packed_variant<bits, 8, 2, 4, 1, 4>());
  to.push_back(packed_variant<bits, 8, 2, 4, 2, 3>());
  to.push_back(packed_variant<bits, 8, 2, 8, 1, 3>());
  to.push_back(packed_variant<bits, 8, 2, 8, 1, 4>());
  to.push_back(packed_variant<bits, 8, 1, 8, 1, 4>());
  to.push_back(packed_variant<bits, 8, 1, 4, 2, 4>());
}

// A product of F16 rows as they are, [T, K], K a multiple of 64 and the group of 32: F32 results, the inputs cut into at
// most `parts`. `partial` holds parts T N numbers.
inline salient::cuda::PackedProduct packed_variant_product(const salient::cuda::PackedLayout& layout, const void* data,
                                                           const void* x, void* y, float* partial, uint32_t* counters,
                                                           uint32_t T, uint32_t parts) {
  salient::cuda::PackedProduct product{};
  product.layout = layout;
  product.data = static_cast<const unsigned char*>(data);
  product.x = static_cast<const uint16_t*>(x);
  product.y = y;
  product.partial = partial;
  product.counters = counters;
  product.y_type = salient::cuda::Element::F32;
  product.T = T;
  product.width = layout.K;
  product.chunks_of_part = (layout.chunks + parts - 1) / parts;
  product.group_magic = static_cast<uint32_t>(((uint64_t{1} << 31) + layout.units_of_group - 1) / layout.units_of_group);
  return product;
}

inline dim3 packed_variant_grid(const PackedVariant& variant, const salient::cuda::PackedProduct& product) {
  const auto over = [](uint32_t count, uint32_t size) { return (count + size - 1) / size; };
  return dim3(over(product.layout.tiles * salient::cuda::kTileRows, variant.rows), over(product.layout.chunks, product.chunks_of_part),
              over(product.T, variant.tokens));
}

}  // namespace bench
