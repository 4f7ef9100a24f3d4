// Tiled products in fp32: y = x W^T.
//
// 256 threads, each 8 x 8 results of a tile of 128 x 128; 16 summed indices at a time go through shared memory, the next
// 16 are on their way in registers meanwhile.
#include "real_product.h"

namespace salient::cuda {
namespace {

constexpr u32 kTile = 128, kDepth = 16, kThreads = 256, kPitch = kTile + 4;
constexpr u32 kLoads = kTile * kDepth / kThreads;  // of a thread, for each operand

// Element (row, k) of W or x.
struct Operand {
  const void* data;
  Element type;
  u32 rows, K;
  __device__ __forceinline__ float at(u32 row, u32 k) const {
    return row < rows && k < K ? load_element(data, type, static_cast<size_t>(row) * K + k) : 0.0f;
  }
};

// Which element a thread loads: neighbours in a warp are neighbours in memory.
__device__ __forceinline__ uint2 load_place(u32 i) {
  const u32 at = i * kThreads + threadIdx.x;
  return make_uint2(at / kDepth, at % kDepth);
}

__device__ __forceinline__ void load_tile(const Operand& operand, u32 first, u32 k, float (&values)[kLoads]) {
#pragma unroll
  for (u32 i = 0; i < kLoads; ++i) {
    const uint2 place = load_place(i);
    values[i] = operand.at(first + place.x, k + place.y);
  }
}

__device__ __forceinline__ void store_tile(float* shared, const float (&values)[kLoads]) {
#pragma unroll
  for (u32 i = 0; i < kLoads; ++i) {
    const uint2 place = load_place(i);
    shared[place.y * kPitch + place.x] = values[i];
  }
}

// Results (row(i), column(j)) of a thread: two blocks of 4, 64 apart.
__device__ __forceinline__ u32 tile_row(u32 i) { return threadIdx.x / 16 * 4 + i / 4 * 64 + i % 4; }
__device__ __forceinline__ u32 tile_column(u32 j) { return threadIdx.x % 16 * 4 + j / 4 * 64 + j % 4; }

__device__ __forceinline__ void multiply_tiles(const Operand& a, const Operand& b, u32 first_row, u32 first_column, u32 K,
                                               float (&sums)[8][8]) {
  __shared__ __align__(16) float left[kDepth * kPitch];
  __shared__ __align__(16) float right[kDepth * kPitch];
  float next_left[kLoads], next_right[kLoads];
  load_tile(a, first_row, 0, next_left);
  load_tile(b, first_column, 0, next_right);
  for (u32 k = 0; k < K; k += kDepth) {
    __syncthreads();
    store_tile(left, next_left);
    store_tile(right, next_right);
    __syncthreads();
    if (k + kDepth < K) {
      load_tile(a, first_row, k + kDepth, next_left);
      load_tile(b, first_column, k + kDepth, next_right);
    }
#pragma unroll
    for (u32 d = 0; d < kDepth; ++d) {
      float l[8], r[8];
#pragma unroll
      for (u32 half = 0; half < 2; ++half) {
        const float4 some = *reinterpret_cast<const float4*>(left + d * kPitch + tile_row(4 * half));
        const float4 more = *reinterpret_cast<const float4*>(right + d * kPitch + tile_column(4 * half));
        l[4 * half] = some.x, l[4 * half + 1] = some.y, l[4 * half + 2] = some.z, l[4 * half + 3] = some.w;
        r[4 * half] = more.x, r[4 * half + 1] = more.y, r[4 * half + 2] = more.z, r[4 * half + 3] = more.w;
      }
#pragma unroll
      for (u32 i = 0; i < 8; ++i) {
#pragma unroll
        for (u32 j = 0; j < 8; ++j) sums[i][j] = fmaf(l[i], r[j], sums[i][j]);
      }
    }
  }
}

__global__ void __launch_bounds__(kThreads) product_tiles(RealProduct p) {
  const u32 first_row = blockIdx.y * kTile, first_column = blockIdx.x * kTile;
  float sums[8][8] = {};
  multiply_tiles(Operand{p.x, p.x_type, p.T, p.K}, Operand{p.w, p.w_type, p.N, p.K}, first_row, first_column, p.K, sums);
#pragma unroll
  for (u32 i = 0; i < 8; ++i) {
    const u32 t = first_row + tile_row(i);
#pragma unroll
    for (u32 j = 0; j < 8; ++j) {
      const u32 n = first_column + tile_column(j);
      if (t >= p.T || n >= p.N) continue;
      float value = sums[i][j];
      if (p.row_scales != nullptr) value *= p.row_scales[t];
      if (p.bias != nullptr) value += p.bias[n];
      store_element(p.y, p.y_type, static_cast<size_t>(t) * p.N + n, value);
    }
  }
}

}  // namespace

void real_product(const RealProduct& p) {
  if (p.T == 0 || p.N == 0) return;
  constexpr u32 kMostBlocks = 65535;  // of a grid's second axis
  const size_t bytes = element_bytes(p.x_type), out = element_bytes(p.y_type);
  for (u32 first = 0; first < p.T; first += kMostBlocks * kTile) {
    RealProduct some = p;
    some.T = min(p.T - first, kMostBlocks * kTile);
    some.x = static_cast<const char*>(p.x) + static_cast<size_t>(first) * p.K * bytes;
    if (some.row_scales != nullptr) some.row_scales += first;
    some.y = static_cast<char*>(p.y) + static_cast<size_t>(first) * p.N * out;
    const dim3 grid(simt::blocks(p.N, kTile), simt::blocks(some.T, kTile));
    simt::launch("fp32 product", product_tiles, grid, kThreads, 0, some);
  }
}

}  // namespace salient::cuda
