// Tiled products by wgmma. See wgmma_product.h.
//
// y^T = b a^T: a tile is 128 outputs (rows of b, 64 for each of two warpgroups) and 64, 128 or 256 tokens (rows of a).
// 128 bytes of each row of a tile are a stage of a ring in shared memory. One thread of a third warpgroup copies them in, two
// barriers to a stage: `full` when it is there, `empty` when every warp is past the products that read it. Blocks stay
// and take one tile after the other, so that the next one's copies run while a tile is written.
#include "wgmma_product.h"

#include <algorithm>

#include "multiprocessors.h"
#include "wgmma_device.h"
#include "wgmma_store.h"

namespace salient::cuda {
namespace {

constexpr u32 kStageBytes = 128;                   // of a row
constexpr u32 kOutputs = 128, kThreads = 3 * 128;  // of a block
constexpr u32 kWarps = 8;                          // that compute

template <class Type_, int tokens_>
struct WgmmaConfig {
  using Type = Type_;
  static constexpr int tokens = tokens_, stages = tokens == 256 ? 4 : tokens == 128 ? 6 : 8;
  static constexpr u32 w_bytes = kOutputs * kStageBytes, stage_bytes = w_bytes + tokens * kStageBytes;
  static constexpr u32 barriers_at = stages * stage_bytes, turns_at = barriers_at + 256;
  static constexpr u32 shared_bytes = 1024 + turns_at + kWarps * kTurnBytes;
  static_assert(2 * stages * sizeof(Barrier) <= 256 && shared_bytes <= kMostShared);
};

struct Tile {
  u32 first_output, first_token;
};

// Tiles are numbered down bands of eight tiles of outputs, so that those at work together share what they read.
template <class C>
__device__ __forceinline__ Tile tile_of(const TensorProduct& p, u32 number) {
  constexpr u32 kBand = 8;
  const u32 down = (p.N + kOutputs - 1) / kOutputs, across = (p.T + C::tokens - 1) / C::tokens;
  const u32 band = number / (kBand * across), height = min(kBand, down - band * kBand), inside = number - band * kBand * across;
  return {(band * kBand + inside % height) * kOutputs, inside / height * C::tokens};
}

template <class C>
__device__ __forceinline__ void copy_tiles(const TensorMap& w, const TensorMap& x, const TensorProduct& p, u32 tiles, u32 rounds,
                                           unsigned char* ring, Barrier* full, Barrier* empty) {
  constexpr u32 kColumns = kStageBytes / (C::Type::element == Element::I8 ? 1 : 2);
  u32 slot = 0, parity = 1;
  for (u32 number = blockIdx.x; number < tiles; number += gridDim.x) {
    const Tile tile = tile_of<C>(p, number);
    for (u32 round = 0; round < rounds; ++round) {
      barrier_wait(empty + slot, parity);
      barrier_expect(full + slot, C::stage_bytes);
      unsigned char* stage = ring + slot * C::stage_bytes;
      copy_box(stage, &w, round * kColumns, tile.first_output, full + slot);
      copy_box(stage + C::w_bytes, &x, round * kColumns, tile.first_token, full + slot);
      if (++slot == C::stages) slot = 0, parity ^= 1;
    }
  }
}

// One warp's 16 outputs of a tile to where they belong.
template <class C>
__device__ __forceinline__ void write_tile(const TensorProduct& p, const typename C::Type::Sum (&d)[C::tokens / 2], float* turn,
                                           u32 first_output, u32 first_token) {
  const u32 count = first_output < p.N ? min(16u, p.N - first_output) : 0;
  turn_sums<C::tokens>(turn, d, [&](u32 token, float (&sums)[16]) {
    const u32 t = first_token + token;
    if (t >= p.T || count == 0) return;
    if (p.row_scales != nullptr) {
      const float scale = p.row_scales[t];
#pragma unroll
      for (u32 i = 0; i < 16; ++i) sums[i] *= scale;
    }
#pragma unroll
    for (u32 i = 0; i < 16; ++i) {
      const u32 n = first_output + min(i, count - 1);
      if (p.column_scales != nullptr) sums[i] *= p.column_scales[n];
      if (p.bias != nullptr) sums[i] += p.bias[n];
    }
    store_sixteen(p.y, p.y_type, static_cast<size_t>(t) * p.stride + first_output, count, sums);
  });
}

template <class C>
__device__ __forceinline__ void multiply_tiles(const TensorProduct& p, u32 tiles, u32 rounds, unsigned char* ring, Barrier* full,
                                               Barrier* empty, float* turns) {
  using Sum = typename C::Type::Sum;
  const u32 warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32, group = warp / 4;
  const uint64_t left = swizzled_matrix(ring + group * (64 * kStageBytes)), right = swizzled_matrix(ring + C::w_bytes);
  u32 slot = 0, parity = 0;
  for (u32 number = blockIdx.x; number < tiles; number += gridDim.x) {
    Sum d[C::tokens / 2];
#pragma unroll
    for (int i = 0; i < C::tokens / 2; ++i) d[i] = 0;
    u32 before = 0;
    for (u32 round = 0; round < rounds; ++round) {
      barrier_wait(full + slot, parity);
      wgmma_fence();
      const uint64_t stage = slot * (C::stage_bytes / 16);
#pragma unroll
      for (u32 step = 0; step < 4; ++step) Wgmma<typename C::Type, C::tokens>::shared(d, left + stage + 2 * step, right + stage + 2 * step);
      wgmma_commit();
      wgmma_wait<1>();
      // Products before these are done, in this warp; its other warps say so themselves.
      if (round > 0 && lane == 0) barrier_arrive(empty + before);
      before = slot;
      if (++slot == C::stages) slot = 0, parity ^= 1;
    }
    wgmma_wait<0>();
    if (lane == 0) barrier_arrive(empty + before);
    const Tile tile = tile_of<C>(p, number);
    write_tile<C>(p, d, turns + warp * (kTurnBytes / 4), tile.first_output + warp * 16, tile.first_token);
  }
}

template <class C>
__global__ void __launch_bounds__(kThreads, 1)
    wgmma_tiles(const __grid_constant__ TensorMap w, const __grid_constant__ TensorMap x, TensorProduct p, u32 tiles, u32 rounds) {
#if defined(SALIENT_HOPPER)
  SIMT_DYNAMIC_SHARED(unsigned char, shared);
  unsigned char* ring = swizzle_start(shared);
  Barrier *full = reinterpret_cast<Barrier*>(ring + C::barriers_at), *empty = full + C::stages;
  if (threadIdx.x == 0) {
    for (int i = 0; i < C::stages; ++i) barrier_init(full + i, 1), barrier_init(empty + i, kWarps);
    fence_barriers();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    give_registers<40>();
    if (threadIdx.x == 0) copy_tiles<C>(w, x, p, tiles, rounds, ring, full, empty);
  } else {
    take_registers<232>();
    multiply_tiles<C>(p, tiles, rounds, ring, full, empty, reinterpret_cast<float*>(ring + C::turns_at));
  }
#endif
}

template <class C>
bool launch_tiles(const TensorProduct& p) {
  constexpr Element kElement = C::Type::element;
  constexpr bool kBytes = kElement == Element::I8;
  const u32 columns = p.row_bytes / (kBytes ? 1 : 2);
  const auto boxes = [&](const unsigned char* data, u32 rows, u32 box_rows) {
    return MatrixBoxes{data, kBytes ? Element::U8 : kElement, columns, rows, p.row_bytes, kStageBytes / (kBytes ? 1 : 2), box_rows, true};
  };
  TensorMap w, x;
  if (!make_tensor_map(boxes(p.b, p.N, kOutputs), w) || !make_tensor_map(boxes(p.a, p.T, C::tokens), x)) return false;
  const u32 tiles = simt::blocks(p.N, kOutputs) * simt::blocks(p.T, C::tokens);
#if defined(SALIENT_EMULATED)
  simt::most_shared = kMostShared;
#endif
  simt::launch("wgmma product", wgmma_tiles<C>, std::min(tiles, multiprocessors()), kThreads, C::shared_bytes, w, x, p, tiles,
               simt::blocks(p.row_bytes, kStageBytes));
  return true;
}

// The time of a tile is taken as its tokens and what a stage costs besides; blocks work in waves. To be tuned on a device.
size_t cost(const TensorProduct& p, u32 tokens) {
  const size_t tiles = size_t{simt::blocks(p.N, kOutputs)} * simt::blocks(p.T, tokens), at_once = multiprocessors();
  return (tiles + at_once - 1) / at_once * (tokens + 32);
}

template <class Type>
bool launch_type(const TensorProduct& p) {
  const size_t narrow = cost(p, 64), middle = cost(p, 128), wide = cost(p, 256);
  if (wide <= middle && wide <= narrow) return launch_tiles<WgmmaConfig<Type, 256>>(p);
  if (middle <= narrow) return launch_tiles<WgmmaConfig<Type, 128>>(p);
  return launch_tiles<WgmmaConfig<Type, 64>>(p);
}

}  // namespace

bool wgmma_product(Element type, const TensorProduct& p) {
  if (p.row_bytes == 0 || !wgmma_device()) return false;
  if (type == Element::F16) return launch_type<WgmmaF16>(p);
  if (type == Element::BF16) return launch_type<WgmmaBf16>(p);
  return launch_type<WgmmaS8>(p);
}

}  // namespace salient::cuda
