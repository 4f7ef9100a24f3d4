// The product of a packed weight with few rows of x, on tensor cores, reading the weight once.
//
// y^T = W x^T: the weight is the A operand, so a warp takes 16 outputs and 8 tokens are one step of the other side.
// Weights go from global to shared memory in the order of registers, each lane's own 16 bytes, and are
// dequantized in registers; x comes the same way, 64 inputs of each row at a time, shared by the warps of a group.
// A block has KW groups of NW warps: groups take turns on the inputs, warps of a group stand side by side on the
// outputs. blockIdx: row block, part of the inputs, block of tokens.
//
// Parts of the inputs are summed in their order: in shared memory those of a block's groups, then, by the block that
// comes last, those of different blocks. So the bits do not depend on when blocks run.
#pragma once

#include "packed_config.h"
#include "packed_dequantize.h"
#include "packed_requests.h"

namespace salient::cuda {

// Where a lane finds its part of a stage, from the ring's beginning on. No two lanes of a quarter (words of 8 bytes: half) of
// a warp read the same bank.
template <class C>
struct StageReader {
  SharedPlace x, codes, third, meta;
  int other_half;  // bytes to the second unit of x
  bool has_row;
  __device__ __forceinline__ StageReader(SharedPlace ring, u32 lane, u32 warp) {
    const u32 g = lane / 4, c = lane % 4;
    const SharedPlace weights = ring + (C::x_bytes + warp * C::warp_bytes);
    x = held(ring + (g * 128 + (c ^ (g & 1) * 4) * 16));
    other_half = static_cast<int>(held((g & 1) != 0 ? -64 : 64));
    has_row = C::kept == C::tokens || g < C::kept;
    codes = held(weights + lane * (C::container == 2 || C::container == 3 ? 8 : 16));
    third = held(weights + (256 + lane * 4));
    meta = held(weights + (C::code_bytes + g * 8));
  }
  // The words of a chunk, or of a unit of it with bytes, of tile m.
  __device__ __forceinline__ void load_words(u32 (&words)[C::lane_words], u32 at, int m, int unit) const {
    const u32 from = at + m * (C::code_bytes + C::meta_bytes);
    if constexpr (C::container == 4 || C::container == 8) {
      const uint4 all = load_sixteen(codes + from + (C::container == 8 ? unit * 512 : 0));
      words[0] = all.x, words[1] = all.y, words[2] = all.z, words[3] = all.w;
    } else {
      const uint2 two = load_eight(codes + from);
      words[0] = two.x, words[1] = two.y;
      if constexpr (C::container == 3) words[2] = load_four_bytes(third + from);
    }
  }
};

// sums += W x^T of a chunk, whose stage begins `at` bytes into the ring. `split`: its two units are of different groups.
// Where rows of x are missing, `x` is zero in their lanes and stays so.
template <class C>
__device__ __forceinline__ void multiply_chunk(const StageReader<C>& from, u32 at, bool split, uint4 (&x)[2][C::NT],
                                               float (&sums)[C::MT][C::NT][4]) {
  float part[C::MT][C::NT][4];
  u32 words[C::MT][C::lane_words];
  ZeroPoints<typename C::Half, C::container> zeros[C::MT];
  float scales[C::MT][2];
#pragma unroll
  for (int unit = 0; unit < 2; ++unit) {
#pragma unroll
    for (int n = 0; n < C::NT; ++n) {
      if (from.has_row) x[unit][n] = load_sixteen(from.x + at + (unit == 0 ? 0 : from.other_half) + n * 1024);
    }
#pragma unroll
    for (int m = 0; m < C::MT; ++m) {
      if (unit == 0 || C::container == 8) from.load_words(words[m], at, m, unit);
      if (unit == 0 || split) {
        const uint2 meta = load_eight(from.meta + at + (m * (C::code_bytes + C::meta_bytes) + unit * 64));
        zeros[m].set(meta.x, meta.y);
        scales[m][0] = __uint_as_float(meta.x & 0xffffff00u), scales[m][1] = __uint_as_float(meta.y & 0xffffff00u);
#pragma unroll
        for (int n = 0; n < C::NT; ++n) part[m][n][0] = part[m][n][1] = part[m][n][2] = part[m][n][3] = 0.0f;
      }
#pragma unroll
      for (int step = 0; step < 2; ++step) {
        u32 a[4];
        zeros[m].registers(a, words[m], unit, step);
#pragma unroll
        for (int n = 0; n < C::NT; ++n) {
          const uint4& of = x[unit][n];
          const u32 b[2] = {step == 0 ? of.x : of.z, step == 0 ? of.y : of.w};
          C::Half::mma(part[m][n], a, b);
        }
      }
      if (unit == 1 || split) {
#pragma unroll
        for (int n = 0; n < C::NT; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[m][n][i] = fmaf(scales[m][i / 2], part[m][n][i], sums[m][n][i]);
        }
      }
    }
  }
}

template <class C>
__device__ __forceinline__ void finish_output(const PackedProduct& p, u32 token, u32 row, float sum) {
  if (p.row_scales != nullptr) sum *= p.row_scales[token];
  if (p.bias != nullptr) sum += p.bias[row];
  store_element(p.y, p.y_type, static_cast<size_t>(token) * p.layout.N + row, sum);
}

// Brings the groups' sums together; then the blocks', by the last of them.
template <class C>
__device__ void write_sums(const PackedProduct& p, const float* shared, u32 first_row, u32 first_token) {
  __shared__ u32 last;
  const u32 parts = gridDim.y, tokens = min(static_cast<u32>(C::tokens), p.T - first_token);
  const size_t all = static_cast<size_t>(p.T) * p.layout.N;
  for (u32 i = threadIdx.x; i < tokens * C::rows; i += C::threads) {
    const u32 token = i / C::rows, row = i % C::rows;
    if (first_row + row >= p.layout.N) continue;
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < C::KW; ++k) sum += shared[(k * C::tokens + token) * C::pitch + row];
    const size_t at = static_cast<size_t>(first_token + token) * p.layout.N + first_row + row;
    if (parts > 1) p.partial[blockIdx.y * all + at] = sum;
    else finish_output<C>(p, first_token + token, first_row + row, sum);
  }
  if (parts == 1) return;
  __threadfence();
  __syncthreads();
  u32* counter = p.counters + blockIdx.z * gridDim.x + blockIdx.x;
  if (threadIdx.x == 0) last = atomicAdd(counter, 1u) == parts - 1;
  __syncthreads();
  if (last == 0) return;
  __threadfence();
  for (u32 i = threadIdx.x; i < tokens * C::rows; i += C::threads) {
    const u32 token = i / C::rows, row = i % C::rows;
    if (first_row + row >= p.layout.N) continue;
    const float* from = p.partial + static_cast<size_t>(first_token + token) * p.layout.N + first_row + row;
    float sum = 0.0f;
    for (u32 part = 0; part < parts; ++part) sum += __ldcg(from + part * all);
    finish_output<C>(p, first_token + token, first_row + row, sum);
  }
  if (threadIdx.x == 0) *counter = 0;
}

template <class C>
__global__ void __launch_bounds__(C::threads) packed_product(PackedProduct p) {
  SIMT_DYNAMIC_SHARED(unsigned char, shared);
  const u32 lane = held(threadIdx.x % 32), warp = threadIdx.x / 32 % C::NW, turn = threadIdx.x / 32 / C::NW;
  const u32 first_tile = (blockIdx.x * C::NW + warp) * C::MT, first_token = blockIdx.z * C::tokens;
  const u32 begin = blockIdx.y * p.chunks_of_part, end = min(begin + p.chunks_of_part, p.layout.chunks);
  const bool split = p.layout.units_of_group % 2 != 0;
  const SharedPlace ring = shared_place(shared) + turn * C::ring_bytes;
  Requests<C> requests(p, ring, begin + turn, end, first_tile, first_token, lane, warp);
  const StageReader<C> reader(ring, lane, warp);
  uint4 x[2][C::NT] = {};
  float sums[C::MT][C::NT][4] = {};

  for (int s = 0; s < C::stages - 1; ++s) {
    requests.next(s * C::stage_bytes);
    commit_copies();
  }
  u32 at = 0, free = (C::stages - 1) * C::stage_bytes;  // bytes in the ring
  const u32 mine = begin + turn < end ? (end - begin - turn + C::KW - 1) / C::KW : 0;
  // Warps that wait for others take as many turns as those, though the last may bring them nothing.
  const u32 rounds = C::NW == 1 ? mine : (end - begin + C::KW - 1) / C::KW;
  for (u32 round = 0; round < rounds; ++round) {
    wait_copies<C::stages - 2>();
    if constexpr (C::NW == 1) __syncwarp();
    else __syncthreads();
    // Everyone is past the chunk before: its place is free.
    requests.next(free);
    commit_copies();
    if (C::NW == 1 || round < mine) multiply_chunk<C>(reader, at, split, x, sums);
    free = at;
    at = at + C::stage_bytes == C::ring_bytes ? 0 : at + C::stage_bytes;
  }
  wait_copies<0>();
  __syncthreads();

  const u32 g = lane / 4, c = lane % 4;
  float* tile = reinterpret_cast<float*>(shared) + turn * (C::tokens * C::pitch) + warp * (16 * C::MT);
#pragma unroll
  for (int m = 0; m < C::MT; ++m) {
#pragma unroll
    for (int n = 0; n < C::NT; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) tile[(8 * n + 2 * c + i % 2) * C::pitch + 16 * m + g + i / 2 * 8] = sums[m][n][i];
    }
  }
  __syncthreads();
  write_sums<C>(p, reinterpret_cast<const float*>(shared), blockIdx.x * C::rows, first_token);
}

}  // namespace salient::cuda
