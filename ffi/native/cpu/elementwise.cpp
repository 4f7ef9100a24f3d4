// The simple operations: one pass over rows.

#include "elementwise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>
#include <vector>

#include "objects.h"
#include "row_pieces.h"
#include "vector_math.h"

namespace salient {

namespace {

const uint8_t* at(const void* data, DType type, size_t element) {
  return static_cast<const uint8_t*>(data) + element * element_bytes(type);
}

SALIENT_VECTORIZED double sum_of_exp(const float* x, float shift, size_t n) {
  constexpr size_t kBlock = 256;
  double lanes[kLanes] = {};
  float terms[kBlock];
  for (size_t start = 0; start < n; start += kBlock) {
    const size_t count = n - start < kBlock ? n - start : kBlock;
    for (size_t i = 0; i < count; i++) terms[i] = exp_f32(x[start + i] - shift);
    for (size_t i = count; i < kBlock; i++) terms[i] = 0;
    for (size_t i = 0; i < kBlock; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; lane++) lanes[lane] += static_cast<double>(terms[i + lane]);
    }
  }
  return add_lanes(lanes);
}

// NaN where any value is NaN. Compared as whole numbers in the order of the floats, which have a maximum
// that vectorizes.
SALIENT_VECTORIZED float largest(const float* x, size_t n) {
  int32_t best = INT32_MIN;
  uint32_t nan = 0;
  for (size_t i = 0; i < n; i++) {
    const int32_t bits = std::bit_cast<int32_t>(x[i]);
    const int32_t ordered = bits < 0 ? bits ^ INT32_MAX : bits;
    best = ordered > best ? ordered : best;
    nan |= (static_cast<uint32_t>(bits) & 0x7fffffffu) > 0x7f800000u ? 1u : 0u;
  }
  return nan != 0 ? NAN : std::bit_cast<float>(best < 0 ? best ^ INT32_MAX : best);
}

SALIENT_VECTORIZED void add(float* x, const float* y, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] += y[i];
}

SALIENT_VECTORIZED void add_abs(const float* x, double* sum, float* max, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float value = std::fabs(x[i]);
    sum[i] += static_cast<double>(value);
    max[i] = value > max[i] || value != value ? value : max[i];
  }
}

SALIENT_VECTORIZED void multiply(float* x, const float* factors, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factors[i];
}

SALIENT_VECTORIZED void multiply_all(float* x, float factor, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factor;
}

SALIENT_VECTORIZED void multiply_both(float* x, float factor, const float* factors, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factor * factors[i];
}

// Absolute values compare as their bits do.
SALIENT_VECTORIZED uint64_t look_at(const float* x, float* abs_max, uint8_t* used, size_t n) {
  constexpr int32_t kInfinity = 0x7f800000;
  int32_t non_finite = 0;
  int32_t best = std::bit_cast<int32_t>(*abs_max);
  for (size_t i = 0; i < n; i++) {
    const int32_t value = std::bit_cast<int32_t>(x[i]) & INT32_MAX;
    const int32_t kept = value < kInfinity ? value : 0;
    non_finite += value >= kInfinity;
    best = kept > best ? kept : best;
  }
  for (size_t i = 0; i < n; i++) used[i] = static_cast<uint8_t>(used[i] | (x[i] != 0.0f ? 1 : 0));
  *abs_max = std::bit_cast<float>(best);
  return static_cast<uint64_t>(non_finite);
}

}  // namespace

void embed(const void* table, DType type, const int32_t* ids, float* out, size_t count, size_t, size_t H) {
  parallel_for(count, rows_per_piece(H), [=](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) to_f32(at(table, type, ids[i] * H), type, out + i * H, H);
  });
}

void add_in_place(float* x, const float* y, size_t n) {
  parallel_for(n, kPiece, [=](size_t begin, size_t end) { add(x + begin, y + begin, end - begin); });
}

void negative_log_likelihood(const float* logits, const int32_t* targets, double* losses, size_t T, size_t V) {
  parallel_for(T, rows_per_piece(V), [=](size_t begin, size_t end) {
    for (size_t t = begin; t < end; t++) {
      losses[t] = 0;
      if (targets[t] < 0) continue;
      const float* row = logits + t * V;
      const float top = largest(row, V);
      // An infinite shift would turn every term into NaN.
      const float shift = std::isinf(top) ? 0.0f : top;
      losses[t] = static_cast<double>(shift) + std::log(sum_of_exp(row, shift, V)) - row[targets[t]];
    }
  });
}

void accumulate_abs(const float* x, double* sum, float* max, size_t T, size_t K) {
  constexpr size_t kColumns = 1024;
  parallel_for(K, kColumns, [=](size_t begin, size_t end) {
    for (size_t t = 0; t < T; t++) add_abs(x + t * K + begin, sum + begin, max + begin, end - begin);
  });
}

void scale_columns(const void* w, DType type, const float* factors, float* out, size_t N, size_t K) {
  parallel_for(N, rows_per_piece(K), [=](size_t begin, size_t end) {
    for (size_t n = begin; n < end; n++) {
      to_f32(at(w, type, n * K), type, out + n * K, K);
      multiply(out + n * K, factors, K);
    }
  });
}

void scale_rows(const void* w, DType type, const float* factors, float* out, size_t N, size_t K) {
  parallel_for(N, rows_per_piece(K), [=](size_t begin, size_t end) {
    for (size_t n = begin; n < end; n++) {
      to_f32(at(w, type, n * K), type, out + n * K, K);
      multiply_all(out + n * K, factors[n], K);
    }
  });
}

void scale_gram(float* gram, const float* factors, size_t K) {
  parallel_for(K, rows_per_piece(K), [=](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) multiply_both(gram + i * K, factors[i], factors, K);
  });
}

Summary summarize(const void* w, DType type, size_t N, size_t K) {
  Summary all;
  std::vector<uint8_t> used(K, 0);
  std::mutex mutex;
  // Counts, a maximum and an OR: the order in which pieces end does not matter.
  parallel_for(N, std::max<size_t>(1, (size_t{1} << 18) / std::max<size_t>(K, 1)), [&](size_t begin, size_t end) {
    std::vector<float> row(K);
    std::vector<uint8_t> mine(K, 0);
    uint64_t non_finite = 0;
    float abs_max = 0;
    for (size_t n = begin; n < end; n++) {
      to_f32(at(w, type, n * K), type, row.data(), K);
      non_finite += look_at(row.data(), &abs_max, mine.data(), K);
    }
    std::lock_guard lock(mutex);
    all.non_finite += non_finite;
    all.abs_max = std::max(all.abs_max, abs_max);
    for (size_t k = 0; k < K; k++) used[k] |= mine[k];
  });
  all.zero_columns = N == 0 ? 0 : static_cast<uint64_t>(std::count(used.begin(), used.end(), 0));
  return all;
}

void convert(const void* source, DType from, void* target, DType to, size_t n) {
  parallel_for(n, kPiece, [=](size_t begin, size_t end) {
    uint8_t* into = static_cast<uint8_t*>(target) + begin * element_bytes(to);
    if (to == DType::F32) {
      to_f32(at(source, from, begin), from, reinterpret_cast<float*>(into), end - begin);
      return;
    }
    float values[1024];
    for (size_t i = begin; i < end; i += 1024) {
      const size_t count = std::min<size_t>(1024, end - i);
      to_f32(at(source, from, i), from, values, count);
      from_f32(values, into + (i - begin) * element_bytes(to), to, count);
    }
  });
}

}  // namespace salient
