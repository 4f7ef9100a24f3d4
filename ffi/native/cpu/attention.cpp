// Causal attention.
//
// Many queries: blocks of 96 of one head against tiles of kDepth keys, with the running maximum and sum
// of the softmax of each row (Milakov and Gimelshein 2018), both products through Level::product.
// Few queries (decoding): rows of scores, of all heads together that share their keys, which are then read once.
#include <cmath>
#include <limits>

#include "panels.h"
#include "scratch.h"
#include "softcap_row.h"
#include "vector_math.h"

namespace salient {
namespace {

constexpr size_t kFewQueries = 8;
constexpr size_t kQueries = 96;
constexpr size_t kTogether = 8;  // heads that share their keys, at most, of one piece of work
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct Head {
  const float *q, *k, *v;  // first row of this head in its sequence
  float* out;
  const float* slopes;  // this head's and those of the heads after it; null for none
  size_t q_stride, kv_stride;
};

Head head_of(const AttentionShape& s, const float* q, const float* k, const float* v, float* out,
             size_t sequence, size_t head) {
  const size_t q_stride = s.heads * s.head_dim, kv_stride = s.kv_heads * s.head_dim;
  const size_t q_at = sequence * s.queries * q_stride + head * s.head_dim;
  const size_t kv_at = sequence * s.keys * kv_stride + head / (s.heads / s.kv_heads) * s.head_dim;
  const float* slopes = s.slopes == nullptr ? nullptr : s.slopes + head;
  return {q + q_at, k + kv_at, v + kv_at, out + q_at, slopes, q_stride, kv_stride};
}

// Keys [begin, end) that a query sees.
struct Range {
  size_t begin, end;
};

Range keys_of(const AttentionShape& s, size_t query) {
  const size_t position = s.query_start + query;
  const size_t end = std::min(position + 1, s.keys);
  const size_t begin = s.window > 0 && position + 1 > s.window ? position + 1 - s.window : 0;
  return {std::min(begin, end), end};
}

// x [n] += slope * (first + i), whole numbers that fp32 holds.
SALIENT_VECTORIZED void add_slope(float* x, size_t n, float slope, int32_t first) {
  for (size_t i = 0; i < n; ++i) x[i] += slope * static_cast<float>(first + static_cast<int32_t>(i));
}

// What the shape does to the scaled scores of `query` with the n keys from `key` on. `slope` may be null.
void shape_scores(const AttentionShape& s, const float* slope, size_t query, size_t key, float* scores, size_t n) {
  if (s.softcap > 0) softcap_row(scores, n, s.softcap);
  if (slope == nullptr) return;
  const int64_t distance = static_cast<int64_t>(key) - static_cast<int64_t>(s.query_start + query);
  add_slope(scores, n, *slope, static_cast<int32_t>(distance));
}

// Query `query` of `heads` heads that share their keys, the first of which is h.
void one_query(const Level& level, const AttentionShape& s, const Head& h, size_t heads, size_t query) {
  const Range range = keys_of(s, query);
  const size_t n = range.end - range.begin, d = s.head_dim;
  float* out = h.out + query * h.q_stride;
  std::fill(out, out + heads * d, 0.0f);
  if (n == 0) return;
  Scratch room(Scratch::room_for<float>(heads * n) + Scratch::room_for<float>(heads * d));
  float* scores = room.take<float>(heads * n);
  float* q = room.take<float>(heads * d);
  std::memcpy(q, h.q + query * h.q_stride, heads * d * sizeof(float));
  level.scale(q, heads * d, s.scale);
  level.dots(q, heads, d, h.k + range.begin * h.kv_stride, h.kv_stride, n, scores, n);
  float sums[kTogether];
  for (size_t i = 0; i < heads; ++i) {
    const float* slope = h.slopes == nullptr ? nullptr : h.slopes + i;
    shape_scores(s, slope, query, range.begin, scores + i * n, n);
    sums[i] = level.exp_sum(scores + i * n, n, 1.0f, level.largest(scores + i * n, n));
  }
  level.weighted_sum(scores, heads, n, n, h.v + range.begin * h.kv_stride, h.kv_stride, d, out, d);
  for (size_t i = 0; i < heads; ++i) level.scale(out + i * d, d, 1.0f / sums[i]);
}

// The softmax of a block of queries, as far as the tiles of keys have been seen.
struct Running {
  float* scores;  // [rows][kStride], then exp(score - top)
  float* sums;    // [rows][stride]: weighted sums of v
  size_t stride;
  float top[kQueries], total[kQueries];
};

// Turns scores of keys [first, first + n) into weights and brings the sums to the new maximum.
void weigh(const Level& level, const AttentionShape& s, const float* slope, size_t query, size_t rows, size_t first,
           size_t n, Running& run) {
  for (size_t r = 0; r < rows; ++r) {
    const Range range = keys_of(s, query + r);
    const size_t begin = std::min(n, range.begin > first ? range.begin - first : 0);
    const size_t end = std::min(n, range.end > first ? range.end - first : 0);
    float* row = run.scores + r * kStride;
    if (begin >= end) {
      std::fill(row, row + n, 0.0f);
      continue;
    }
    std::fill(row, row + begin, 0.0f);
    std::fill(row + end, row + n, 0.0f);
    shape_scores(s, slope, query + r, first + begin, row + begin, end - begin);
    const float top = std::max(run.top[r], level.largest(row + begin, end - begin));
    const float shrink = std::exp(run.top[r] - top);
    run.total[r] = run.total[r] * shrink + level.exp_sum(row + begin, end - begin, 1.0f, top);
    if (shrink != 1.0f) level.scale(run.sums + r * run.stride, s.head_dim, shrink);
    run.top[r] = top;
  }
}

void many_queries(const Level& level, const AttentionShape& s, const Head& h, size_t query, size_t rows) {
  const size_t d = s.head_dim, blocks = (d + kDepth - 1) / kDepth;
  const size_t left_words = blocks * rows * kStride;
  const size_t right_words = std::max(right_size(level, kDepth, kDepth), right_size(level, d, kDepth));
  Running run;
  run.stride = round_up(d, 16);
  Scratch room(Scratch::room_for<float>(left_words) + Scratch::room_for<float>(right_words) +
               Scratch::room_for<float>(level.panel * kStride) + Scratch::room_for<float>(rows * kStride) +
               Scratch::room_for<float>(rows * run.stride));
  float* left = room.take<float>(left_words);
  float* right = room.take<float>(right_words);
  float* buffer = room.take<float>(level.panel * kStride);
  run.scores = room.take<float>(rows * kStride);
  run.sums = room.take<float>(rows * run.stride);
  std::fill(run.sums, run.sums + rows * run.stride, 0.0f);
  std::fill(run.top, run.top + rows, kMinusInfinity);
  std::fill(run.total, run.total + rows, 0.0f);
  for (size_t c = 0; c < d; c += kDepth) {
    for (size_t r = 0; r < rows; ++r) {
      float* row = left + (c / kDepth * rows + r) * kStride;
      std::memcpy(row, h.q + (query + r) * h.q_stride + c, std::min(kDepth, d - c) * sizeof(float));
      level.scale(row, std::min(kDepth, d - c), s.scale);
    }
  }
  const size_t end = keys_of(s, query + rows - 1).end;
  for (size_t first = keys_of(s, query).begin / kDepth * kDepth; first < end; first += kDepth) {
    const size_t n = std::min(kDepth, end - first);
    for (size_t c = 0; c < d; c += kDepth) {
      const size_t depth = std::min(kDepth, d - c);
      right_of_rows(level, h.k + first * h.kv_stride, DType::F32, h.kv_stride, c, depth, n, false, buffer, right);
      level.product(left + c / kDepth * rows * kStride, rows, right, n, depth, run.scores, kStride, c > 0);
    }
    weigh(level, s, h.slopes, query, rows, first, n, run);
    right_of_columns(level, h.v + first * h.kv_stride, h.kv_stride, n, d, 1.0f, right);
    level.product(run.scores, rows, right, d, n, run.sums, run.stride, true);
  }
  for (size_t r = 0; r < rows; ++r) {
    float* out = h.out + (query + r) * h.q_stride;
    std::memcpy(out, run.sums + r * run.stride, d * sizeof(float));
    level.scale(out, d, run.total[r] > 0 ? 1.0f / run.total[r] : 0.0f);
  }
}

}  // namespace

void attention(const float* q, const float* k, const float* v, float* out, const AttentionShape& shape) {
  const AttentionShape& s = shape;
  const Level& level = salient::level();
  if (s.queries == 0) return;
  if (s.queries <= kFewQueries) {
    const size_t sharing = s.heads / s.kv_heads, parts = (sharing + kTogether - 1) / kTogether;
    const size_t groups = s.kv_heads * parts;  // of a sequence
    parallel_for(s.sequences * groups * s.queries, 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        const size_t group = i / s.queries % groups, first = group % parts * kTogether;
        const Head h = head_of(s, q, k, v, out, i / s.queries / groups, group / parts * sharing + first);
        one_query(level, s, h, std::min(kTogether, sharing - first), i % s.queries);
      }
    });
    return;
  }
  const size_t blocks = (s.queries + kQueries - 1) / kQueries;
  parallel_for(s.sequences * s.heads * blocks, 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const size_t head = i / blocks, query = i % blocks * kQueries;
      many_queries(level, s, head_of(s, q, k, v, out, head / s.heads, head % s.heads), query,
                   std::min(kQueries, s.queries - query));
    }
  });
}

}  // namespace salient
