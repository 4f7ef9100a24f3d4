// The product of few rows of x with a weight: as fast as the weight can be read, nothing is packed.
#pragma once

namespace salient {
namespace {

// y [T, R] of T rows of x and R rows of w.
template <class Load, size_t T, size_t R>
inline void few_tile(const float* x, size_t K, const typename Load::Element* w, const float* bias, float* y,
                     size_t y_stride) {
  V sum[T][R];
  for (size_t t = 0; t < T; ++t) {
    for (size_t r = 0; r < R; ++r) sum[t][r] = V::zero();
  }
  const size_t whole = K / V::width * V::width;
  for (size_t k = 0; k < whole; k += V::width) {
    V row[R];
    for (size_t r = 0; r < R; ++r) {
      row[r] = Load::load(w + r * K + k);
      // The rows after these begin in pages that the processor knows nothing of yet. (Asking past the end does no harm.)
      if constexpr (T == 1) __builtin_prefetch(w + (R + r) * K + k, 0, 2);
    }
    for (size_t t = 0; t < T; ++t) {
      const V in = V::load(x + t * K + k);
      for (size_t r = 0; r < R; ++r) sum[t][r] = fma(in, row[r], sum[t][r]);
    }
  }
  if (whole < K) {
    for (size_t r = 0; r < R; ++r) {
      const V row = load_rest<Load>(w + r * K + whole, K - whole);
      for (size_t t = 0; t < T; ++t) {
        sum[t][r] = fma(V::load_part(x + t * K + whole, K - whole, 0), row, sum[t][r]);
      }
    }
  }
  for (size_t t = 0; t < T; ++t) {
    for (size_t r = 0; r < R; ++r) y[t * y_stride + r] = sum[t][r].sum() + (bias != nullptr ? bias[r] : 0.0f);
  }
}

template <class Load, size_t T>
void few_of(const float* x, size_t K, const void* w, size_t rows, const float* bias, float* y, size_t y_stride) {
  constexpr size_t R = V::sums / T >= 4 ? 4 : V::sums / T >= 2 ? 2 : 1;
  const auto* p = static_cast<const typename Load::Element*>(w);
  size_t n = 0;
  for (; n + R <= rows; n += R) {
    few_tile<Load, T, R>(x, K, p + n * K, bias != nullptr ? bias + n : nullptr, y + n, y_stride);
  }
  for (; n < rows; ++n) {
    few_tile<Load, T, 1>(x, K, p + n * K, bias != nullptr ? bias + n : nullptr, y + n, y_stride);
  }
}

// More than four rows of x go in two parts, a few rows of w at a time: those are still in the cache.
template <class Load>
void few_for(const float* x, size_t T, size_t K, const void* w, size_t rows, const float* bias, float* y,
             size_t y_stride) {
  constexpr size_t kRows = 8;
  switch (T) {
    case 0: return;
    case 1: return few_of<Load, 1>(x, K, w, rows, bias, y, y_stride);
    case 2: return few_of<Load, 2>(x, K, w, rows, bias, y, y_stride);
    case 3: return few_of<Load, 3>(x, K, w, rows, bias, y, y_stride);
    case 4: return few_of<Load, 4>(x, K, w, rows, bias, y, y_stride);
    default: break;
  }
  for (size_t n = 0; n < rows; n += kRows) {
    const auto* part = static_cast<const typename Load::Element*>(w) + n * K;
    const float* part_bias = bias != nullptr ? bias + n : nullptr;
    const size_t count = least(kRows, rows - n);
    few_of<Load, 4>(x, K, part, count, part_bias, y + n, y_stride);
    few_for<Load>(x + 4 * K, T - 4, K, part, count, part_bias, y + 4 * y_stride + n, y_stride);
  }
}

void few_rows(const float* x, size_t T, size_t K, const void* w, DType type, bool round, size_t rows,
              const float* bias, float* y, size_t y_stride) {
  switch (type) {
    case DType::BF16: return few_for<LoadBf16>(x, T, K, w, rows, bias, y, y_stride);
    case DType::F16:
      return round ? few_for<Rounded<LoadF16>>(x, T, K, w, rows, bias, y, y_stride)
                   : few_for<LoadF16>(x, T, K, w, rows, bias, y, y_stride);
    default:
      return round ? few_for<Rounded<LoadF32>>(x, T, K, w, rows, bias, y, y_stride)
                   : few_for<LoadF32>(x, T, K, w, rows, bias, y, y_stride);
  }
}

}  // namespace
}  // namespace salient
