// The inner loop of fp32 products: one block's tile of C [M, N] = A B^T, each thread a square of it.
//
// A tile has 16 * kPer rows and columns and 256 threads. Thread (ty, tx) = (threadIdx.x / 16, threadIdx.x % 16) has rows
// ty * 4 + i % 4 + 64 * (i / 4) and columns likewise, so that its reads of shared memory are vectors without bank
// conflicts. Global memory is read one step ahead of the sums. Every sum runs over k in order.
#pragma once

#include "numbers.h"
#include "products.h"

namespace salient {

constexpr unsigned kProductThreads = 256;
constexpr uint32_t kProductDepth = 16;

// The place of a thread's i-th row or column in its tile.
__device__ __forceinline__ uint32_t place_in_tile(uint32_t t, uint32_t i) { return t * 4 + i % 4 + 64 * (i / 4); }

template <int kPer>
struct TileMemory {
  // Rows are 16 bytes longer than the tile: their ends then lie in different banks, and stay aligned.
  float left[2][kProductDepth][16 * kPer + 4];
  float right[2][kProductDepth][16 * kPer + 4];
};

// What a thread brings of one side for one step.
template <int kPer, bool kAcross>
struct Loader {
  // Along k, sixteen threads read 64 neighbouring bytes of a row; across, a warp reads neighbouring rows.
  static constexpr uint32_t kTile = 16 * kPer;
  float values[kPer];

  __device__ __forceinline__ static uint32_t row(uint32_t i) {
    return kAcross ? (threadIdx.x + 256 * i) % kTile : threadIdx.x / 16 + 16 * i;
  }
  __device__ __forceinline__ static uint32_t depth(uint32_t i) {
    return kAcross ? (threadIdx.x + 256 * i) / kTile : threadIdx.x % 16;
  }
  __device__ __forceinline__ void read(const Side& side, const float* data, size_t first, size_t rows, size_t k, size_t end) {
#pragma unroll
    for (uint32_t i = 0; i < kPer; i++) {
      const size_t r = first + row(i), at = k + depth(i);
      values[i] = r < rows && at < end ? (kAcross ? data[at * side.stride + r] : data[r * side.stride + at]) : 0.0f;
    }
  }
  __device__ __forceinline__ void write(float (*target)[16 * kPer + 4], float factor) const {
#pragma unroll
    for (uint32_t i = 0; i < kPer; i++) target[depth(i)][row(i)] = values[i] * factor;
  }
};

// sums += the products over k in [begin, end); from half_from on the right side enters by half. `begin` and half_from
// are multiples of kProductDepth, and half_from may be beyond the end.
template <int kPer, bool kLeftAcross, bool kRightAcross>
__device__ __forceinline__ void multiply_tile(float (&sums)[kPer][kPer], TileMemory<kPer>& memory, const Side& left,
                                              const Side& right, size_t first_row, size_t rows, size_t first_column,
                                              size_t columns, size_t begin, size_t end, size_t half_from) {
  if (begin >= end) return;
  const uint32_t tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const float* a = left.data + blockIdx.z * left.batch;
  const float* b = right.data + blockIdx.z * right.batch;
  Loader<kPer, kLeftAcross> load_left;
  Loader<kPer, kRightAcross> load_right;
  const auto factor = [&](size_t k) { return k >= half_from ? 0.5f : 1.0f; };
  load_left.read(left, a, first_row, rows, begin, end);
  load_right.read(right, b, first_column, columns, begin, end);
  __syncthreads();  // an earlier product was read by all
  load_left.write(memory.left[0], 1.0f);
  load_right.write(memory.right[0], factor(begin));
  __syncthreads();
  uint32_t now = 0;
  for (size_t k = begin; k < end; k += kProductDepth) {
    const bool more = k + kProductDepth < end;
    if (more) {
      load_left.read(left, a, first_row, rows, k + kProductDepth, end);
      load_right.read(right, b, first_column, columns, k + kProductDepth, end);
    }
#pragma unroll 4
    for (uint32_t d = 0; d < kProductDepth; d++) {
      float x[kPer], y[kPer];
#pragma unroll
      for (uint32_t i = 0; i < kPer; i += 4) {
        const float4 p = *reinterpret_cast<const float4*>(&memory.left[now][d][ty * 4 + 16 * i]);
        const float4 q = *reinterpret_cast<const float4*>(&memory.right[now][d][tx * 4 + 16 * i]);
        x[i] = p.x, x[i + 1] = p.y, x[i + 2] = p.z, x[i + 3] = p.w;
        y[i] = q.x, y[i + 1] = q.y, y[i + 2] = q.z, y[i + 3] = q.w;
      }
#pragma unroll
      for (uint32_t i = 0; i < kPer; i++) {
#pragma unroll
        for (uint32_t j = 0; j < kPer; j++) sums[i][j] = fmaf(x[i], y[j], sums[i][j]);
      }
    }
    if (more) {
      load_left.write(memory.left[now ^ 1], 1.0f);
      load_right.write(memory.right[now ^ 1], factor(k + kProductDepth));
    }
    __syncthreads();
    now ^= 1;
  }
}

}  // namespace salient
