// The product of a packed weight with many rows of x on sm_90a, dequantizing in registers.
//
// y^T = W x^T by wgmma: the weight is the A operand, in registers in the order in which it is packed (a warp's 16 rows of
// m64k16 have the lane map of m16n8k16), x the B operand in shared memory. Inputs of a unit stand in x in the order in
// which the registers take them (interleave_rows.h). A block has 128 outputs, 64 for each of two warpgroups, and 64 or
// 128 tokens; a chunk of 64 inputs is a stage of a ring in shared memory: x, codes, and scales where a group begins.
// One thread of a third warpgroup copies them in. blockIdx: block of outputs, part of the inputs, block of tokens.
//
// While the tensor cores multiply a chunk, the next one is dequantized; the two warpgroups fill each other's gaps. Codes
// less their zero points are exact, scales come on fp32 sums of a group. Parts of the inputs are summed in their
// order by the block that comes last.
#pragma once

#include <type_traits>

#include "packed_dequantize.h"
#include "packed_layout.h"
#include "wgmma_store.h"

namespace salient::cuda {

constexpr u32 kWgmmaOutputs = 128, kWgmmaThreads = 3 * 128, kWgmmaWarps = 8;

struct WgmmaPacked {
  PackedLayout layout;
  const float* row_scales;  // [T] or null
  const float* bias;        // [N] or null
  void* y;                  // [T, N]
  float* partial;           // [parts, T, N] where parts > 1
  u32* counters;
  Element y_type;
  u32 T, chunks_of_part;
};

// `split`: the two units of a chunk can be of different groups.
template <class Type_, int container_, int tokens_, bool split_>
struct WgmmaPackedConfig {
  using Type = Type_;
  using Half = std::conditional_t<Type::element == Element::F16, HalfF16, HalfBf16>;
  static constexpr int container = container_, tokens = tokens_, stages = 8;
  static constexpr bool split = split_;
  static constexpr u32 tiles = kWgmmaOutputs / kTileRows, x_bytes = tokens * 128, code_bytes = tiles * container * 128;
  static constexpr u32 meta_bytes = tiles * kTileRows * 4 * (split ? 2 : 1);
  static constexpr u32 stage_bytes = x_bytes + code_bytes + 1024;
  static constexpr u32 barriers_at = stages * stage_bytes, turns_at = barriers_at + 256;
  static constexpr u32 shared_bytes = 1024 + turns_at + kWgmmaWarps * kTurnBytes;
  static_assert(meta_bytes <= 1024 && (2 * stages + 3) * sizeof(Barrier) <= 256 && shared_bytes <= kMostShared);
};

// Where a chunk's first unit stands in its group, counted on without divisions.
struct GroupPlace {
  u32 units, inside;
  __device__ __forceinline__ GroupPlace(const PackedLayout& l, u32 chunk)
      : units(l.groups > 1 ? l.units_of_group : 2 * l.chunks + 2), inside(2 * chunk % units) {}
  __device__ __forceinline__ bool starts() const { return inside == 0; }
  __device__ __forceinline__ bool ends() const { return inside + 2 >= units; }
  // The second unit's group, from the first one's.
  __device__ __forceinline__ u32 second() const { return inside + 1 >= units ? 1 : 0; }
  __device__ __forceinline__ void next() {
    inside += 2;
    if (inside >= units) inside -= units;
    if (inside >= units) inside -= units;  // groups of one unit
  }
};

template <class C>
__device__ __forceinline__ void copy_chunks(const TensorMap& x, const TensorMap& codes, const TensorMap& meta, const PackedLayout& l,
                                            u32 begin, u32 end, unsigned char* ring, Barrier* full, Barrier* empty) {
  const u32 first_tile = blockIdx.x * C::tiles, first_token = blockIdx.z * C::tokens;
  GroupPlace place(l, begin);
  u32 slot = 0, parity = 1, group = 2 * begin / place.units;
  for (u32 chunk = begin; chunk < end; ++chunk) {
    // Scales come where a group begins, and first of all; both units' where they can be of different groups.
    const bool scales = C::split || chunk == begin || place.starts();
    unsigned char* stage = ring + slot * C::stage_bytes;
    barrier_wait(empty + slot, parity);
    barrier_expect(full + slot, C::x_bytes + C::code_bytes + (scales ? C::meta_bytes : 0));
    copy_box(stage, &x, chunk * kChunk, first_token, full + slot);
    copy_box(stage + C::x_bytes, &codes, chunk * (C::container * 32), first_tile, full + slot);
    if (scales) {
      copy_box(stage + C::x_bytes + C::code_bytes, &meta, group * kTileRows, first_tile, full + slot);
    }
    group += place.units == 1 ? 2 : place.ends() ? 1 : 0;
    place.next();
    if (++slot == C::stages) slot = 0, parity ^= 1;
  }
}

// A chunk's weights in registers, and the scales of its units.
template <class C>
struct Fragments {
  u32 a[4][4];
  float scales[C::split ? 2 : 1][2];
};

// From a stage to `f`. `word` keeps the group's scales and zero points of this lane's two rows from chunk to chunk.
template <class C>
__device__ __forceinline__ void dequantize(const unsigned char* stage, const GroupPlace& place, bool first, uint2& word, Fragments<C>& f) {
  const u32 tile = threadIdx.x / 32 - 4, lane = threadIdx.x % 32, g = lane / 4;
  const unsigned char* codes = stage + C::x_bytes + tile * (C::container * 128);
  const unsigned char* meta = stage + C::x_bytes + C::code_bytes + tile * (kTileRows * 4 * (C::split ? 2 : 1));
  if (!C::split && (first || place.starts())) word = *reinterpret_cast<const uint2*>(meta + 8 * g);
#pragma unroll
  for (u32 unit = 0; unit < 2; ++unit) {
    if (C::split) word = *reinterpret_cast<const uint2*>(meta + (unit == 0 ? 0 : place.second() * (kTileRows * 4)) + 8 * g);
    if (C::split || unit == 0) {
      f.scales[C::split ? unit : 0][0] = __uint_as_float(word.x & 0xffffff00u);
      f.scales[C::split ? unit : 0][1] = __uint_as_float(word.y & 0xffffff00u);
    }
    ZeroPoints<typename C::Half, C::container> zeros;
    zeros.set(word.x, word.y);
    u32 words[C::container / 2];
    if constexpr (C::container == 4) {
      const uint2 both = *reinterpret_cast<const uint2*>(codes + lane * 16 + unit * 8);
      words[0] = both.x, words[1] = both.y;
    } else {
      const uint4 all = *reinterpret_cast<const uint4*>(codes + unit * 512 + lane * 16);
      words[0] = all.x, words[1] = all.y, words[2] = all.z, words[3] = all.w;
    }
#pragma unroll
    for (int step = 0; step < 2; ++step) zeros.registers(f.a[2 * unit + step], words, 0, step);
  }
}

// sums += scales * part.
template <int tokens>
__device__ __forceinline__ void add_scaled(float (&sums)[tokens / 2], const float (&part)[tokens / 2], const float (&scales)[2]) {
#pragma unroll
  for (int i = 0; i < tokens / 2; ++i) sums[i] = fmaf(scales[i / 2 % 2], part[i], sums[i]);
}

template <class C>
__device__ __forceinline__ void multiply_chunks(const PackedLayout& l, u32 begin, u32 end, const unsigned char* ring, Barrier* full,
                                                Barrier* empty, float (&sums)[C::tokens / 2]) {
  using Product = Wgmma<typename C::Type, C::tokens>;
  const uint64_t right = swizzled_matrix(ring);
  float part[C::tokens / 2];
  Fragments<C> even, odd;
  uint2 word = make_uint2(0, 0);
  GroupPlace place(l, begin);
  u32 slot = 0, parity = 0;
  barrier_wait(full, 0);
  dequantize<C>(ring, place, true, word, even);
  // Multiplies a chunk whose weights are in `now` and dequantizes the next one meanwhile.
  const auto step = [&](u32 chunk, Fragments<C>& now, Fragments<C>& next) __attribute__((always_inline)) {
    const uint64_t x = right + slot * (C::stage_bytes / 16);
    const u32 this_slot = slot;
    const bool starts = chunk == begin || place.starts(), ends = chunk + 1 == end || place.ends();
    if (++slot == C::stages) slot = 0, parity ^= 1;
    place.next();
    const auto look_ahead = [&]() __attribute__((always_inline)) {
      if (chunk + 1 >= end) return;
      barrier_wait(full + slot, parity);
      dequantize<C>(ring + slot * C::stage_bytes, place, false, word, next);
    };
    wgmma_fence();
    if constexpr (C::split) {
#pragma unroll
      for (u32 s = 0; s < 2; ++s) Product::registers(part, now.a[s], x + 2 * s, s);
      wgmma_commit();
      wgmma_wait<0>();
      add_scaled<C::tokens>(sums, part, now.scales[0]);
      wgmma_fence();
#pragma unroll
      for (u32 s = 0; s < 2; ++s) Product::registers(part, now.a[2 + s], x + 2 * (2 + s), s);
      wgmma_commit();
      look_ahead();
      wgmma_wait<0>();
      if (threadIdx.x % 32 == 0) barrier_arrive(empty + this_slot);
      add_scaled<C::tokens>(sums, part, now.scales[C::split ? 1 : 0]);
    } else {
#pragma unroll
      for (u32 s = 0; s < 4; ++s) Product::registers(part, now.a[s], x + 2 * s, s > 0 || !starts);
      wgmma_commit();
      look_ahead();
      wgmma_wait<0>();
      if (threadIdx.x % 32 == 0) barrier_arrive(empty + this_slot);
      if (ends) add_scaled<C::tokens>(sums, part, now.scales[0]);
    }
  };
  for (u32 chunk = begin; chunk < end; chunk += 2) {
    step(chunk, even, odd);
    if (chunk + 1 < end) step(chunk + 1, odd, even);
  }
}

// `count` outputs of a token, from `row` on.
__device__ __forceinline__ void finish_outputs(const WgmmaPacked& p, u32 token, u32 row, u32 count, float (&sums)[16]) {
  const float scale = p.row_scales != nullptr ? p.row_scales[token] : 1.0f;
#pragma unroll
  for (u32 i = 0; i < 16; ++i) {
    if (p.row_scales != nullptr) sums[i] *= scale;
    if (p.bias != nullptr) sums[i] += p.bias[row + min(i, count - 1)];
  }
  store_sixteen(p.y, p.y_type, static_cast<size_t>(token) * p.layout.N + row, count, sums);
}

// By the block that comes last: every part's sums of the tile, in their order. Each thread that computes has 16 outputs of
// a token. They wait for each other at two barriers that no one used before: the copying warpgroup has gone, and what it
// shared with them would have to do with its few registers.
template <class C>
__device__ __forceinline__ void add_parts(const WgmmaPacked& p, Barrier* written, Barrier* counted, volatile u32* last) {
  const u32 parts = gridDim.y, first_row = blockIdx.x * kWgmmaOutputs, first_token = blockIdx.z * C::tokens;
  const u32 thread = threadIdx.x - 128;
  u32* counter = p.counters + blockIdx.z * gridDim.x + blockIdx.x;
  __threadfence();
  __syncwarp();
  if (thread % 32 == 0) barrier_arrive(written);
  barrier_wait(written, 0);
  if (thread == 0) {
    *last = atomicAdd(counter, 1u) == parts - 1;
    barrier_arrive(counted);
  }
  barrier_wait(counted, 0);
  if (*last == 0) return;
  __threadfence();
  const size_t all = static_cast<size_t>(p.T) * p.layout.N;
  for (u32 i = thread; i < C::tokens * C::tiles; i += kWgmmaThreads - 128) {
    const u32 token = first_token + i / C::tiles, row = first_row + i % C::tiles * 16;
    if (token >= p.T || row >= p.layout.N) continue;
    const u32 count = min(16u, p.layout.N - row);
    const float* from = p.partial + static_cast<size_t>(token) * p.layout.N + row;
    float sums[16] = {};
    for (u32 part = 0; part < parts; ++part, from += all) {
      if (count == 16 && p.layout.N % 4 == 0) {
#pragma unroll
        for (u32 j = 0; j < 4; ++j) {
          const float4 four = __ldcg(reinterpret_cast<const float4*>(from) + j);
          sums[4 * j] += four.x, sums[4 * j + 1] += four.y, sums[4 * j + 2] += four.z, sums[4 * j + 3] += four.w;
        }
      } else {
#pragma unroll
        for (u32 j = 0; j < 16; ++j) {
          if (j < count) sums[j] += __ldcg(from + j);
        }
      }
    }
    finish_outputs(p, token, row, count, sums);
  }
  if (thread == 0) *counter = 0;
}

template <class C>
__global__ void __launch_bounds__(kWgmmaThreads, 1)
    wgmma_packed(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap codes, const __grid_constant__ TensorMap meta,
                 WgmmaPacked p) {
#if defined(SALIENT_HOPPER)
  SIMT_DYNAMIC_SHARED(unsigned char, shared);
  unsigned char* ring = swizzle_start(shared);
  Barrier *full = reinterpret_cast<Barrier*>(ring + C::barriers_at), *empty = full + C::stages, *written = empty + C::stages;
  const u32 begin = blockIdx.y * p.chunks_of_part, end = min(begin + p.chunks_of_part, p.layout.chunks);
  if (threadIdx.x == 0) {
    for (int i = 0; i < C::stages; ++i) barrier_init(full + i, 1), barrier_init(empty + i, kWgmmaWarps);
    barrier_init(written, kWgmmaWarps), barrier_init(written + 1, 1);
    fence_barriers();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    give_registers<40>();
    if (threadIdx.x == 0) copy_chunks<C>(x, codes, meta, p.layout, begin, end, ring, full, empty);
  } else {
    take_registers<232>();
    float sums[C::tokens / 2] = {};
    multiply_chunks<C>(p.layout, begin, end, ring, full, empty, sums);
    const u32 warp = threadIdx.x / 32 - 4, row = blockIdx.x * kWgmmaOutputs + warp * 16, first_token = blockIdx.z * C::tokens;
    const u32 count = row < p.layout.N ? min(16u, p.layout.N - row) : 0;
    turn_sums<C::tokens>(reinterpret_cast<float*>(ring + C::turns_at) + warp * (kTurnBytes / 4), sums, [&](u32 token, float (&some)[16]) {
      token += first_token;
      if (token >= p.T || count == 0) return;
      const size_t all = static_cast<size_t>(p.T) * p.layout.N;
      if (gridDim.y == 1) finish_outputs(p, token, row, count, some);
      else store_sixteen(p.partial, Element::F32, blockIdx.y * all + static_cast<size_t>(token) * p.layout.N + row, count, some);
    });
    if (gridDim.y > 1) add_parts<C>(p, written, written + 1, reinterpret_cast<u32*>(written + 2));
  }
#endif
}

}  // namespace salient::cuda
