// Causal attention over tiles of keys, with the running maximum and sum of each row's softmax (Milakov and Gimelshein
// 2018; Dao et al. 2022): no matrix of queries x keys.
//
// A block takes rows that share a key head: the query heads of one group, query after query. So keys and values are
// read once for all heads of a group, in prefill and when decoding. Keys may be cut into parts, one for each
// blockIdx.x; parts are joined by attention_join in their order. Products are fp32.
#pragma once

#include "elements.h"

namespace salient::cuda {

struct AttentionCall {
  AttentionShape shape;
  const void *q, *k, *v;
  void* out;
  Element type;
  const u32* length;  // where not null: keys, and position of the one query + 1
  float* partial;     // [S, kv_heads, rows, parts][D + 2] where parts > 1: weighted sums, largest score, sum of weights
  u32 parts, row_blocks, part_floats;
  bool fours;  // channels can be read four at a time
};

struct AttentionView {
  u32 keys, query_start, rows, heads_of_group;
  __device__ __forceinline__ explicit AttentionView(const AttentionCall& call)
      : keys(call.length != nullptr ? *call.length : call.shape.keys),
        query_start(call.length != nullptr ? keys - 1 : call.shape.query_start),
        rows(call.shape.queries * (call.shape.heads / call.shape.kv_heads)),
        heads_of_group(call.shape.heads / call.shape.kv_heads) {}
  __device__ __forceinline__ u32 position(u32 row) const { return query_start + row / heads_of_group; }
};

// Shaped: with a cap or slopes. Kernels without them are compiled on their own.
template <int D_, int BQ_, int BK_, bool Shaped>
struct AttentionConfig {
  static constexpr bool shaped = Shaped;
  static constexpr int D = D_, BQ = BQ_, BK = BK_, threads = 256;
  static constexpr int RQ = BQ / 16, RK = BK / 16, RD = D / 64;  // of a thread: rows, keys, fours of channels
  static constexpr int pitch = D + 4, score_pitch = BK + 4;
  // Side by side on a multiprocessor, as shared memory allows; without being told, compilers for some targets aim at more
  // and keep registers in memory.
  static constexpr int blocks = (BQ == 16 && D < 512) || D == 64 ? 3 : 2;
  static constexpr int shared_bytes = 4 * ((BQ + BK) * pitch + BQ * score_pitch);
};

// `count` rows of head_dim channels as fp32, zeros beyond. row(i) is where row i begins, in elements; -1 for none.
template <class C, class Row>
__device__ __forceinline__ void load_rows(float* to, const void* from, const AttentionCall& call, u32 count, const Row& row) {
  const u32 head_dim = call.shape.head_dim;
  const Element type = call.type;
  const bool fours = call.fours;
  for (u32 i = threadIdx.x; i < count * (C::D / 4); i += C::threads) {
    const u32 r = i / (C::D / 4), d = i % (C::D / 4) * 4;
    const long long at = row(r);
    float4 value = make_float4(0, 0, 0, 0);
    if (at >= 0 && fours && d < head_dim) value = load_four(from, type, static_cast<size_t>(at) + d);
    if (at >= 0 && !fours) {
      value.x = d < head_dim ? load_element(from, type, at + d) : 0.0f;
      value.y = d + 1 < head_dim ? load_element(from, type, at + d + 1) : 0.0f;
      value.z = d + 2 < head_dim ? load_element(from, type, at + d + 2) : 0.0f;
      value.w = d + 3 < head_dim ? load_element(from, type, at + d + 3) : 0.0f;
    }
    *reinterpret_cast<float4*>(to + r * C::pitch + d) = value;
  }
}

__device__ __forceinline__ float dot(float4 a, float4 b, float sum) {
  return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}
__device__ __forceinline__ void add_scaled(float4& sum, float scale, float4 v) {
  sum.x = fmaf(scale, v.x, sum.x), sum.y = fmaf(scale, v.y, sum.y);
  sum.z = fmaf(scale, v.z, sum.z), sum.w = fmaf(scale, v.w, sum.w);
}

template <class C>
struct RunningSoftmax {
  float top[C::RQ], total[C::RQ];
  float4 sums[C::RQ][C::RD];
};

// What a shape with a cap or slopes does to a scaled score.
__device__ __forceinline__ float shaped_score(const AttentionShape& shape, float score, u32 head, u32 key, u32 position) {
  if (shape.softcap > 0.0f) score = shape.softcap * tanhf(score / shape.softcap);
  if (shape.slopes != nullptr) score += shape.slopes[head] * (static_cast<float>(key) - static_cast<float>(position));
  return score;
}

// Scores of a tile to weights exp(score - top) in `weights`; earlier sums are brought to the new maximum.
template <class C>
__device__ __forceinline__ void weigh_tile(const AttentionCall& call, const AttentionView& view, const float* q, const float* k,
                                           float* weights, u32 kv_head, u32 first_row, u32 first_key, u32 end, RunningSoftmax<C>& run) {
  const u32 ty = threadIdx.x / 16, tx = threadIdx.x % 16;
  float scores[C::RQ][C::RK] = {};
  for (u32 d = 0; d < C::D; d += 4) {
    float4 keys[C::RK];
#pragma unroll
    for (int j = 0; j < C::RK; ++j) keys[j] = *reinterpret_cast<const float4*>(k + (tx + 16 * j) * C::pitch + d);
#pragma unroll
    for (int i = 0; i < C::RQ; ++i) {
      const float4 query = *reinterpret_cast<const float4*>(q + (ty + 16 * i) * C::pitch + d);
#pragma unroll
      for (int j = 0; j < C::RK; ++j) scores[i][j] = dot(query, keys[j], scores[i][j]);
    }
  }
  const float none = __uint_as_float(0xff800000u);
#pragma unroll
  for (int i = 0; i < C::RQ; ++i) {
    const u32 row = first_row + ty + 16 * i, position = view.position(row);
    float top = run.top[i], total = 0.0f;
#pragma unroll
    for (int j = 0; j < C::RK; ++j) {
      const u32 key = first_key + tx + 16 * j;
      const bool seen = key < end && key <= position && (call.shape.window == 0 || position - key < call.shape.window);
      scores[i][j] = seen ? scores[i][j] * call.shape.scale : none;
      if constexpr (C::shaped) {
        const u32 head = kv_head * view.heads_of_group + row % view.heads_of_group;
        if (seen) scores[i][j] = shaped_score(call.shape, scores[i][j], head, key, position);
      }
      top = fmaxf(top, scores[i][j]);
    }
    for (int lane = 8; lane > 0; lane /= 2) top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, lane));
    const float shrink = top == none ? 1.0f : expf(run.top[i] - top);
#pragma unroll
    for (int j = 0; j < C::RK; ++j) {
      const float weight = scores[i][j] == none ? 0.0f : expf(scores[i][j] - top);
      total += weight;
      weights[(ty + 16 * i) * C::score_pitch + tx + 16 * j] = weight;
    }
    for (int lane = 8; lane > 0; lane /= 2) total += __shfl_xor_sync(kAllLanes, total, lane);
    run.total[i] = fmaf(run.total[i], shrink, total);
    run.top[i] = top;
#pragma unroll
    for (int d = 0; d < C::RD; ++d) {
      float4& sum = run.sums[i][d];
      sum.x *= shrink, sum.y *= shrink, sum.z *= shrink, sum.w *= shrink;
    }
  }
}

template <class C>
__device__ __forceinline__ void add_values(const float* weights, const float* v, RunningSoftmax<C>& run) {
  const u32 ty = threadIdx.x / 16, tx = threadIdx.x % 16;
  for (u32 key = 0; key < C::BK; ++key) {
    float4 values[C::RD];
#pragma unroll
    for (int d = 0; d < C::RD; ++d) values[d] = *reinterpret_cast<const float4*>(v + key * C::pitch + tx * 4 + 64 * d);
#pragma unroll
    for (int i = 0; i < C::RQ; ++i) {
      const float weight = weights[(ty + 16 * i) * C::score_pitch + key];
#pragma unroll
      for (int d = 0; d < C::RD; ++d) add_scaled(run.sums[i][d], weight, values[d]);
    }
  }
}

// Where the result of a row stands in `out`, in elements.
__device__ __forceinline__ size_t row_place(const AttentionCall& call, const AttentionView& view, u32 sequence, u32 kv_head, u32 row) {
  const AttentionShape& s = call.shape;
  const u32 query = row / view.heads_of_group, head = kv_head * view.heads_of_group + row % view.heads_of_group;
  return ((static_cast<size_t>(sequence) * s.queries + query) * s.heads + head) * s.head_dim;
}

// blockIdx: row block and part of the keys, key head, sequence.
template <class C>
__global__ void __launch_bounds__(C::threads, C::blocks) attention_tiles(AttentionCall call) {
  SIMT_DYNAMIC_SHARED(float, shared);
  const AttentionShape& s = call.shape;
  const AttentionView view(call);
  const u32 first_row = blockIdx.x % call.row_blocks * C::BQ, part = blockIdx.x / call.row_blocks;
  const u32 kv_head = blockIdx.y, sequence = blockIdx.z, ty = threadIdx.x / 16, tx = threadIdx.x % 16;
  const u32 tiles = (view.keys + C::BK - 1) / C::BK, tiles_of_part = (tiles + call.parts - 1) / call.parts;
  float *q = shared, *kv = q + C::BQ * C::pitch, *weights = kv + C::BK * C::pitch;
  load_rows<C>(q, call.q, call, C::BQ, [&](u32 r) {
    return first_row + r < view.rows ? static_cast<long long>(row_place(call, view, sequence, kv_head, first_row + r)) : -1LL;
  });
  RunningSoftmax<C> run;
#pragma unroll
  for (int i = 0; i < C::RQ; ++i) {
    run.top[i] = __uint_as_float(0xff800000u), run.total[i] = 0.0f;
#pragma unroll
    for (int d = 0; d < C::RD; ++d) run.sums[i][d] = make_float4(0, 0, 0, 0);
  }
  // Only tiles that some row of the block sees.
  const u32 last_position = view.position(min(first_row + C::BQ, view.rows) - 1), first_position = view.position(first_row);
  const u32 end = min(min(view.keys, last_position + 1), (part + 1) * tiles_of_part * C::BK);
  u32 begin = s.window > 0 && first_position + 1 > s.window ? (first_position + 1 - s.window) / C::BK * C::BK : 0;
  begin = max(begin, part * tiles_of_part * C::BK);
  const size_t stride = static_cast<size_t>(s.kv_heads) * s.head_dim;
  for (u32 key = begin; key < end; key += C::BK) {
    const auto row = [&](u32 r) {
      const size_t at = static_cast<size_t>(sequence) * view.keys + key + r;
      return key + r < end ? static_cast<long long>(at * stride + static_cast<size_t>(kv_head) * s.head_dim) : -1LL;
    };
    load_rows<C>(kv, call.k, call, C::BK, row);
    __syncthreads();
    weigh_tile<C>(call, view, q, kv, weights, kv_head, first_row, key, end, run);
    __syncthreads();
    load_rows<C>(kv, call.v, call, C::BK, row);
    __syncthreads();
    add_values<C>(weights, kv, run);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < C::RQ; ++i) {
    const u32 r = first_row + ty + 16 * i;
    if (r >= view.rows) continue;
    const float scale = call.parts > 1 || !(run.total[i] > 0.0f) ? 1.0f : 1.0f / run.total[i];
    const size_t to = row_place(call, view, sequence, kv_head, r);
    float* partial = call.partial + (((static_cast<size_t>(sequence) * s.kv_heads + kv_head) * view.rows + r) * call.parts + part) * call.part_floats;
#pragma unroll
    for (int d = 0; d < C::RD; ++d) {
      const float values[4] = {run.sums[i][d].x, run.sums[i][d].y, run.sums[i][d].z, run.sums[i][d].w};
#pragma unroll
      for (u32 e = 0; e < 4; ++e) {
        const u32 channel = tx * 4 + 64 * d + e;
        if (channel >= s.head_dim) continue;
        if (call.parts > 1) partial[channel] = values[e];
        else store_element(call.out, call.type, to + channel, values[e] * scale);
      }
    }
    if (call.parts > 1 && tx == 0) partial[s.head_dim] = run.top[i], partial[s.head_dim + 1] = run.total[i];
  }
}

}  // namespace salient::cuda
