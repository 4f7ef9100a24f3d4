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

#include "packed_dequantize.h"
#include "packed_layout.h"

namespace salient::cuda {

struct PackedProduct {
  PackedLayout layout;
  const unsigned char* data;
  const uint16_t* x;        // [T, width]
  const float* row_scales;  // [T] or null
  const float* bias;        // [N] or null
  void* y;                  // [T, N]
  float* partial;           // [parts, T, N] where parts > 1
  u32* counters;
  Element y_type;
  u32 T, width, chunks_of_part;
  u32 group_magic;  // ceil(2^31 / units_of_group): group = high half of (2 unit + 1) magic
};

// NT: blocks of 8 tokens, of which the first `kept_` rows of x are brought to shared memory (no more are there); MT:
// tiles of 16 outputs of a warp.
template <class Half_, int container_, int NT_, int MT_, int NW_, int KW_, int stages_, int kept_ = 8 * NT_>
struct PackedConfig {
  using Half = Half_;
  static constexpr int container = container_, NT = NT_, MT = MT_, NW = NW_, KW = KW_, stages = stages_;
  static constexpr int threads = 32 * NW * KW, tokens = 8 * NT, kept = kept_, rows = 16 * MT * NW;
  static constexpr int lane_words = container == 8 ? 4 : container;  // that a lane takes at a time: a chunk's, or a unit's
  static constexpr int x_bytes = kept * 128, code_bytes = container * 128, meta_bytes = 128;
  static constexpr int warp_bytes = MT * (code_bytes + meta_bytes);
  static constexpr int stage_bytes = x_bytes + NW * warp_bytes;
  static constexpr int pitch = rows + 4;  // of a token's sums in shared memory, in floats
  static constexpr int sum_bytes = KW * tokens * pitch * 4;
  static constexpr int ring_bytes = KW * stages * stage_bytes;
  static constexpr int shared_bytes = ring_bytes > sum_bytes ? ring_bytes : sum_bytes;
};

// Asks for a chunk: weights and scales of this warp's tiles, and this thread's share of x.
template <class C>
__device__ __forceinline__ void request_chunk(const PackedProduct& p, unsigned char* stage, u32 chunk, u32 first_tile,
                                              u32 first_token, u32 warp) {
  const u32 lane = threadIdx.x % 32;
  // A row of x is 8 pieces of 16 bytes; odd rows have their halves swapped, against bank conflicts.
#pragma unroll
  for (int i = 0; i < C::kept * 8; i += 32 * C::NW) {
    const u32 piece = i + warp * 32 + lane, row = piece / 8, at = piece % 8;
    if (piece < C::kept * 8 && first_token + row < p.T) {
      const uint16_t* from = p.x + static_cast<size_t>(first_token + row) * p.width + chunk * kChunk + at * 8;
      copy_async(stage + row * 128 + (at ^ (row & 1) * 4) * 16, from);
    }
  }
  unsigned char* to = stage + C::x_bytes + warp * C::warp_bytes;
  const u32 unit = 2 * chunk + lane / 4 % 2;
  const u32 group = min(__umulhi(2 * unit + 1, p.group_magic), p.layout.groups - 1);
#pragma unroll
  for (int m = 0; m < C::MT; ++m, to += C::code_bytes + C::meta_bytes) {
    const u32 tile = min(first_tile + m, p.layout.tiles - 1);
    const unsigned char* codes = p.data + (static_cast<size_t>(tile) * p.layout.chunks + chunk) * C::code_bytes;
    const unsigned char* meta = p.data + p.layout.meta_offset;
    meta += (static_cast<size_t>(tile) * p.layout.groups + group) * (kTileRows * 4) + lane % 4 * 16;
    // Codes, then scales: with 2 or 3 bits the lanes that codes leave over bring the scales in the same instruction.
#pragma unroll
    for (int i = 0; i < C::code_bytes + C::meta_bytes; i += 512) {
      const u32 at = i + lane * 16;
      if (at < C::code_bytes + C::meta_bytes) copy_async(to + at, at < C::code_bytes ? codes + at : meta);
    }
  }
}

// A lane's words of a chunk, or of a unit of it with bytes, from shared memory: no two lanes of a quarter (8 or 16
// bytes: half) of a warp take the same bank.
template <class C>
__device__ __forceinline__ void load_words(u32 (&words)[C::lane_words], const unsigned char* codes, u32 lane, int unit) {
  if constexpr (C::container == 4 || C::container == 8) {
    const uint4 all = *reinterpret_cast<const uint4*>(codes + (C::container == 8 ? unit * 512 : 0) + lane * 16);
    words[0] = all.x, words[1] = all.y, words[2] = all.z, words[3] = all.w;
  } else {
    const uint2 two = *reinterpret_cast<const uint2*>(codes + lane * 8);
    words[0] = two.x, words[1] = two.y;
    if constexpr (C::container == 3) words[2] = *reinterpret_cast<const u32*>(codes + 256 + lane * 4);
  }
}

// sums += W x^T of a chunk. `split`: its two units are of different groups.
template <class C>
__device__ __forceinline__ void multiply_chunk(const unsigned char* stage, u32 warp, bool split,
                                               float (&sums)[C::MT][C::NT][4]) {
  const u32 lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
  const unsigned char* weights = stage + C::x_bytes + warp * C::warp_bytes;
  float part[C::MT][C::NT][4];
  u32 words[C::MT][C::lane_words];
  ZeroPoints<typename C::Half, C::container> zeros[C::MT];
  float scales[C::MT][2];
#pragma unroll
  for (int unit = 0; unit < 2; ++unit) {
    uint4 x[C::NT];
#pragma unroll
    for (int n = 0; n < C::NT; ++n) {
      const u32 row = 8 * n + g;
      x[n] = make_uint4(0, 0, 0, 0);
      if (C::kept == C::tokens || row < C::kept) {
        x[n] = *reinterpret_cast<const uint4*>(stage + row * 128 + ((4 * unit + c) ^ (row & 1) * 4) * 16);
      }
    }
#pragma unroll
    for (int m = 0; m < C::MT; ++m) {
      const unsigned char* of_tile = weights + m * (C::code_bytes + C::meta_bytes);
      if (unit == 0 || C::container == 8) load_words<C>(words[m], of_tile, lane, unit);
      if (unit == 0 || split) {
        const uint2 meta = *reinterpret_cast<const uint2*>(of_tile + C::code_bytes + unit * 64 + g * 8);
        zeros[m].set(meta.x & 255, meta.y & 255);
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
          const u32 b[2] = {step == 0 ? x[n].x : x[n].z, step == 0 ? x[n].y : x[n].w};
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
  const u32 warp = threadIdx.x / 32 % C::NW, turn = threadIdx.x / 32 / C::NW;
  const u32 first_tile = (blockIdx.x * C::NW + warp) * C::MT, first_token = blockIdx.z * C::tokens;
  const u32 begin = blockIdx.y * p.chunks_of_part, end = min(begin + p.chunks_of_part, p.layout.chunks);
  const u32 rounds = (end - begin + C::KW - 1) / C::KW;
  const bool split = p.layout.units_of_group % 2 != 0;
  unsigned char* ring = shared + turn * (C::stages * C::stage_bytes);
  float sums[C::MT][C::NT][4] = {};

  u32 wanted = begin + turn;  // next chunk to ask for
  for (int s = 0; s < C::stages - 1; ++s, wanted += C::KW) {
    if (wanted < end) request_chunk<C>(p, ring + s * C::stage_bytes, wanted, first_tile, first_token, warp);
    commit_copies();
  }
  u32 slot = 0;
  for (u32 round = 0; round < rounds; ++round, wanted += C::KW) {
    wait_copies<C::stages - 2>();
    if constexpr (C::NW == 1) __syncwarp();
    else __syncthreads();
    // Everyone is past the chunk before: its place is free.
    const u32 free_slot = slot == 0 ? C::stages - 1 : slot - 1;
    if (wanted < end) request_chunk<C>(p, ring + free_slot * C::stage_bytes, wanted, first_tile, first_token, warp);
    commit_copies();
    if (begin + turn + round * C::KW < end) multiply_chunk<C>(ring + slot * C::stage_bytes, warp, split, sums);
    slot = slot + 1 == C::stages ? 0 : slot + 1;
  }
  wait_copies<0>();
  __syncthreads();

  const u32 lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
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
