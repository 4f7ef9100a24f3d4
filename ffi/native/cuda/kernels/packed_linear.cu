// y = x W^T + bias of a packed weight: which kernel serves how many tokens.
#include "packed_linear_launch.h"
#include "prepare_rows.h"
#include "tensor_product.h"
#include "thresholds.h"
#include "wgmma_packed.h"

#include <algorithm>

namespace salient::cuda {
namespace {

// To be tuned on a device; the products are right whatever they are.

// Blocks that should be there for each multiprocessor before the inputs are no longer split among blocks.
constexpr u32 kBlocksEach = 3;
// Chunks that a group of warps should have at least.
constexpr u32 kLeastRounds = 4;
// Bytes of dequantized weights in memory at a time.
constexpr size_t kSliceBytes = size_t{64} << 20;

// Where a call's memory lies, and how it is cut.
struct Plan {
  Element half;       // what x is brought to
  bool prepared;      // x has to be written anew
  bool fused;
  u32 width;          // inputs of a prepared row
  u32 blocks_x, blocks_z, parts, chunks_of_part;
  u32 slice;          // rows dequantized at a time
  size_t x_bytes, scale_bytes, rest_bytes;
  size_t bytes() const { return x_bytes + scale_bytes + rest_bytes; }
};

Plan plan_of(const PackedLayout& l, Element x_type, u32 T) {
  Plan plan{};
  plan.fused = T <= thresholds.fused_tokens;
  plan.half = plan.fused && x_type == Element::BF16 ? Element::BF16 : Element::F16;
  const bool straight = l.units_of_group * kUnit == l.group || l.groups == 1;
  plan.width = plan.fused ? l.chunks * kChunk : static_cast<u32>(round_up(l.K, 8));
  plan.prepared = x_type != plan.half || plan.width != l.K || (plan.fused && !straight);
  if (plan.prepared) plan.x_bytes = round_up(size_t{2} * T * plan.width, 256);
  if (x_type != plan.half) plan.scale_bytes = round_up(size_t{4} * T, 256);
  if (plan.fused) {
    const PackedShape shape = packed_shape(T);
    plan.blocks_x = (l.tiles * kTileRows + shape.rows - 1) / shape.rows;
    plan.blocks_z = (T + shape.tokens - 1) / shape.tokens;
    const u32 blocks = plan.blocks_x * plan.blocks_z, wanted = kBlocksEach * multiprocessors();
    const u32 most = std::max(1u, l.chunks / (shape.groups * kLeastRounds));
    const u32 parts = blocks > kCounters ? 1 : std::clamp(wanted / std::max(blocks, 1u), 1u, std::min(most, 64u));
    plan.chunks_of_part = (l.chunks + parts - 1) / parts;
    plan.parts = (l.chunks + plan.chunks_of_part - 1) / plan.chunks_of_part;
    if (plan.parts > 1) plan.rest_bytes = size_t{4} * plan.parts * T * l.N;
  } else {
    const size_t row = size_t{2} * plan.width, most = std::max<size_t>(128, kSliceBytes / row / 128 * 128);
    plan.slice = static_cast<u32>(std::min<size_t>(l.N, most));
    plan.rest_bytes = plan.slice * row;
  }
  return plan;
}

}  // namespace

size_t packed_linear_workspace(const PackedLayout& layout, Element x_type, uint32_t T) {
  if (T == 0 || layout.N == 0 || layout.K == 0) return 0;
  if (wgmma_packed_serves(layout, T)) return wgmma_packed_workspace(layout, x_type, T);
  return plan_of(layout, x_type, T).bytes();
}

void packed_linear(const PackedLayout& l, const void* data, const void* x, Element x_type, const float* bias, void* y,
                   Element y_type, uint32_t T, const Workspace& workspace) {
  if (T == 0 || l.N == 0) return;
  if (wgmma_packed_serves(l, T)) return wgmma_packed_linear(l, data, x, x_type, bias, y, y_type, T, workspace);
  const Plan plan = plan_of(l, x_type, T);
  auto* memory = static_cast<unsigned char*>(workspace.data);
  float* scales = plan.scale_bytes > 0 ? reinterpret_cast<float*>(memory + plan.x_bytes) : nullptr;
  unsigned char* rest = memory + plan.x_bytes + plan.scale_bytes;
  const void* rows = x;
  if (plan.prepared) {
    const Spread spread = plan.fused ? Spread{l.K, l.group, l.units_of_group * kUnit, plan.width}
                                     : Spread{l.K, l.K, plan.width, plan.width};
    prepare_rows(x, x_type, reinterpret_cast<uint16_t*>(memory), plan.half, scales, T, spread);
    rows = memory;
  }
  if (plan.fused) {
    PackedProduct product{};
    product.layout = l;
    product.data = static_cast<const unsigned char*>(data);
    product.x = static_cast<const uint16_t*>(rows);
    product.row_scales = scales;
    product.bias = bias;
    product.y = y;
    product.partial = reinterpret_cast<float*>(rest);
    product.counters = workspace.counters;
    product.y_type = y_type;
    product.T = T;
    product.width = plan.width;
    product.chunks_of_part = plan.chunks_of_part;
    product.group_magic = static_cast<u32>(((uint64_t{1} << 31) + l.units_of_group - 1) / l.units_of_group);
    launch_packed_product(product, plan.half, dim3(plan.blocks_x, plan.parts, plan.blocks_z));
    return;
  }
  for (u32 first = 0; first < l.N; first += plan.slice) {
    const u32 count = std::min(plan.slice, l.N - first);
    unpack(l, data, first, count, Element::F16, rest, plan.width);
    tensor_product(Element::F16, {static_cast<const unsigned char*>(rows), rest, scales, nullptr,
                                  bias == nullptr ? nullptr : bias + first,
                                  static_cast<unsigned char*>(y) + first * element_bytes(y_type), y_type, T, count,
                                  plan.width * 2, l.N});
  }
}

}  // namespace salient::cuda
