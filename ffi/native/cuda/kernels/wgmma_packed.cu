// See wgmma_packed.h.
#include "wgmma_packed.h"

#include <algorithm>

#include "interleave_rows.h"
#include "multiprocessors.h"
#include "thresholds.h"
#include "wgmma_device.h"
#include "wgmma_packed_instances.h"

namespace salient::cuda {

void launch_wgmma_packed_f16(const WgmmaPackedLaunch& launch);
void launch_wgmma_packed_bf16(const WgmmaPackedLaunch& launch);

namespace {

// Where a call's memory lies, and how it is cut.
struct Plan {
  Element half;
  u32 width;   // inputs of a row of x as it is read
  u32 tokens;  // of a tile
  u32 blocks_x, blocks_z, parts, chunks_of_part;
  size_t x_bytes, scale_bytes, partial_bytes;
};

// Parts of the inputs by a reckoning in units of a chunk's time, to be tuned on a device: waves of blocks, what a block costs
// besides its chunks, and bringing the parts' sums together.
void share_inputs(const PackedLayout& l, Plan& plan) {
  constexpr u32 kMostParts = 8, kLeastChunks = 8, kBlockCost = 6;
  const u32 blocks = plan.blocks_x * plan.blocks_z, at_once = multiprocessors();
  size_t best = SIZE_MAX;
  for (u32 wanted = 1; wanted <= kMostParts; ++wanted) {
    const u32 each = (l.chunks + wanted - 1) / wanted, parts = (l.chunks + each - 1) / each;
    if (parts > 1 && (each < kLeastChunks || blocks > kCounters)) break;
    const size_t waves = (size_t{blocks} * parts + at_once - 1) / at_once;
    const size_t time = waves * (each + kBlockCost) + (parts > 1 ? 2 + size_t{parts} * plan.tokens / 64 : 0);
    if (time < best) best = time, plan.parts = parts, plan.chunks_of_part = each;
  }
}

Plan plan_of(const PackedLayout& l, Element x_type, u32 T) {
  Plan plan{};
  plan.half = x_type == Element::BF16 ? Element::BF16 : Element::F16;
  plan.width = l.chunks * kChunk;
  // A tile's time is taken as its tokens and what a chunk costs besides.
  const u32 narrow = simt::blocks(T, 64) * (64 + 32), wide = simt::blocks(T, 128) * (128 + 32);
  plan.tokens = narrow < wide ? 64 : 128;
  plan.blocks_x = simt::blocks(l.N, kWgmmaOutputs);
  plan.blocks_z = simt::blocks(T, plan.tokens);
  share_inputs(l, plan);
  plan.x_bytes = round_up(size_t{2} * T * plan.width, 256);
  if (x_type != plan.half) plan.scale_bytes = round_up(size_t{4} * T, 256);
  if (plan.parts > 1) plan.partial_bytes = size_t{4} * plan.parts * T * l.N;
  return plan;
}

}  // namespace

bool wgmma_packed_serves(const PackedLayout& l, u32 T) {
  return T >= thresholds.wgmma_packed_from && T <= thresholds.wgmma_packed_to && l.N > 0 && l.K > 0 && T > 0 && T < 64 * 65536u &&
         (l.container == 4 || l.container == 8) && wgmma_device();
}

size_t wgmma_packed_workspace(const PackedLayout& l, Element x_type, u32 T) {
  const Plan plan = plan_of(l, x_type, T);
  return plan.x_bytes + plan.scale_bytes + plan.partial_bytes;
}

void wgmma_packed_linear(const PackedLayout& l, const void* data, const void* x, Element x_type, const float* bias, void* y,
                         Element y_type, u32 T, const Workspace& workspace) {
  const Plan plan = plan_of(l, x_type, T);
  auto* memory = static_cast<unsigned char*>(workspace.data);
  float* scales = plan.scale_bytes > 0 ? reinterpret_cast<float*>(memory + plan.x_bytes) : nullptr;
  interleave_rows(x, x_type, reinterpret_cast<uint16_t*>(memory), plan.half, scales, T, {l.K, l.group, l.units_of_group * kUnit, plan.width});

  WgmmaPackedLaunch launch{};
  const auto* codes = static_cast<const unsigned char*>(data);
  const u32 words = l.chunks * (l.container * 32), scale_words = l.groups * kTileRows, tiles = kWgmmaOutputs / kTileRows;
  make_tensor_map({memory, plan.half, plan.width, T, size_t{2} * plan.width, kChunk, plan.tokens, true}, launch.x);
  make_tensor_map({codes, Element::I32, words, l.tiles, size_t{4} * words, l.container * 32, tiles, false}, launch.codes);
  make_tensor_map({codes + l.meta_offset, Element::I32, scale_words, l.tiles, size_t{4} * scale_words,
                   kTileRows * (splits_chunks(l) ? 2 : 1), tiles, false},
                  launch.meta);
  launch.tokens = plan.tokens;
  launch.grid = dim3(plan.blocks_x, plan.parts, plan.blocks_z);
  WgmmaPacked& product = launch.product;
  product.layout = l;
  product.row_scales = scales;
  product.bias = bias;
  product.y = y;
  product.partial = reinterpret_cast<float*>(memory + plan.x_bytes + plan.scale_bytes);
  product.counters = workspace.counters;
  product.y_type = y_type;
  product.T = T;
  product.chunks_of_part = plan.chunks_of_part;
  if (plan.half == Element::F16) launch_wgmma_packed_f16(launch);
  else launch_wgmma_packed_bf16(launch);
}

}  // namespace salient::cuda
