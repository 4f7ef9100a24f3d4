// Sums, maxima and exponentials of rows.
#pragma once

namespace salient {
namespace {

double dot(const float* x, const float* y, size_t n) {
  Sum first, second;
  size_t i = 0;
  for (; i + 2 * V::width <= n; i += 2 * V::width) {
    first.add(V::load(x + i), V::load(y + i));
    second.add(V::load(x + i + V::width), V::load(y + i + V::width));
  }
  for (; i < n; i += V::width) {
    const size_t count = least(V::width, n - i);
    first.add(V::load_part(x + i, count, 0), V::load_part(y + i, count, 0));
  }
  return first.total() + second.total();
}

void axpy(float a, const float* x, float* y, size_t n) {
  const V factor = V::all(a);
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) fma(factor, V::load(x + i), V::load(y + i)).store(y + i);
  if (i < n) {
    fma(factor, V::load_part(x + i, n - i, 0), V::load_part(y + i, n - i, 0)).store_part(y + i, n - i);
  }
}

// e^x to about 1e-7 relative, e^-87 below; x at most 88. NaN stays NaN.
inline V exponential(V x) {
  x = max(V::all(-87.3f), x);
  const V n = round_even(x * V::all(1.44269504f));
  // x - n ln 2 in two steps: the first constant has few bits, so its product with n is exact.
  V r = fma(n, V::all(-0.693359375f), x);
  r = fma(n, V::all(2.12194440e-4f), r);
  V p = V::all(1.0f / 5040);
  p = fma(p, r, V::all(1.0f / 720));
  p = fma(p, r, V::all(1.0f / 120));
  p = fma(p, r, V::all(1.0f / 24));
  p = fma(p, r, V::all(1.0f / 6));
  p = fma(p, r, V::all(0.5f));
  p = fma(p, r, V::all(1.0f));
  p = fma(p, r, V::all(1.0f));
  return times_power(p, n);
}

// x[i] = exp(scale * x[i] - shift); returns the sum.
float exp_sum(float* x, size_t n, float scale, float shift) {
  const V factor = V::all(scale), minus = V::all(-shift);
  V sum = V::zero();
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) {
    const V e = exponential(fma(factor, V::load(x + i), minus));
    e.store(x + i);
    sum = sum + e;
  }
  float total = sum.sum();
  if (i < n) {
    float rest[V::width];
    const V e = exponential(fma(factor, V::load_part(x + i, n - i, 0), minus));
    e.store_part(x + i, n - i);
    e.store(rest);
    for (size_t j = 0; j < n - i; ++j) total += rest[j];
  }
  return total;
}

float largest(const float* x, size_t n) {
  V top = V::all(x[0]);
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) top = max(V::load(x + i), top);
  if (i < n) top = max(V::load_part(x + i, n - i, x[0]), top);
  return top.largest();
}

float largest_magnitude(const float* x, size_t n) {
  V top = V::zero();
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) top = max(magnitude(V::load(x + i)), top);
  if (i < n) top = max(magnitude(V::load_part(x + i, n - i, 0)), top);
  return top.largest();
}

void scale_all(float* x, size_t n, float factor) {
  const V f = V::all(factor);
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) (V::load(x + i) * f).store(x + i);
  if (i < n) (V::load_part(x + i, n - i, 0) * f).store_part(x + i, n - i);
}

// A head's part of a row of keys is short and far from the next one's: the processor does not see by itself what is
// needed next. Asks for a row some rows ahead.
constexpr size_t kRowsAhead = 16;

inline void ask_for(const float* row, size_t size) {
  for (size_t i = 0; i < size; i += 16) __builtin_prefetch(row + i);
}

constexpr size_t kHeads = 4;  // heads of queries that share a head of keys and are taken together

// out[h][j] = x[h] . rows[j] for H x R of them.
template <size_t H, size_t R>
inline void some_dots(const float* x, size_t size, const float* rows, size_t stride, float* out, size_t out_stride) {
  V sum[H][R];
  for (size_t h = 0; h < H; ++h) {
    for (size_t r = 0; r < R; ++r) sum[h][r] = V::zero();
  }
  const auto add = [&](size_t i, auto load) __attribute__((always_inline)) {
    V row[R];
    for (size_t r = 0; r < R; ++r) row[r] = load(rows + r * stride + i);
    for (size_t h = 0; h < H; ++h) {
      const V a = load(x + h * size + i);
      for (size_t r = 0; r < R; ++r) sum[h][r] = fma(a, row[r], sum[h][r]);
    }
  };
  size_t i = 0;
  for (; i + V::width <= size; i += V::width) add(i, [](const float* at) { return V::load(at); });
  if (i < size) add(i, [count = size - i](const float* at) { return V::load_part(at, count, 0); });
  for (size_t h = 0; h < H; ++h) {
    for (size_t r = 0; r < R; ++r) out[h * out_stride + r] = sum[h][r].sum();
  }
}

template <size_t H>
void dots_of(const float* x, size_t size, const float* rows, size_t stride, size_t n, float* out, size_t out_stride) {
  constexpr size_t R = V::sums / H < 4 ? V::sums / H : 4;
  size_t j = 0;
  for (; j + R <= n; j += R) {
    for (size_t r = 0; r < R && j + r + kRowsAhead < n; ++r) ask_for(rows + (j + r + kRowsAhead) * stride, size);
    some_dots<H, R>(x, size, rows + j * stride, stride, out + j, out_stride);
  }
  for (; j < n; ++j) some_dots<H, 1>(x, size, rows + j * stride, stride, out + j, out_stride);
}

void dots(const float* x, size_t heads, size_t size, const float* rows, size_t stride, size_t n, float* out,
          size_t out_stride) {
  size_t h = 0;
  for (; h + kHeads <= heads; h += kHeads) {
    dots_of<kHeads>(x + h * size, size, rows, stride, n, out + h * out_stride, out_stride);
  }
  for (; h < heads; ++h) dots_of<1>(x + h * size, size, rows, stride, n, out + h * out_stride, out_stride);
}

// out[h] = sum over j of weights[h][j] * rows[j], some vectors of it at a time.
template <size_t H>
void weighted_sum_of(const float* weights, size_t weights_stride, size_t n, const float* rows, size_t stride,
                     size_t size, float* out, size_t out_stride) {
  constexpr size_t P = V::sums / H < 4 ? V::sums / H : 4;
  size_t i = 0;
  for (; i + P * V::width <= size; i += P * V::width) {
    V sum[H][P];
    for (size_t h = 0; h < H; ++h) {
      for (size_t p = 0; p < P; ++p) sum[h][p] = V::zero();
    }
    for (size_t j = 0; j < n; ++j) {
      if (j + kRowsAhead < n) ask_for(rows + (j + kRowsAhead) * stride + i, P * V::width);
      V row[P];
      for (size_t p = 0; p < P; ++p) row[p] = V::load(rows + j * stride + i + p * V::width);
      for (size_t h = 0; h < H; ++h) {
        const V w = V::all(weights[h * weights_stride + j]);
        for (size_t p = 0; p < P; ++p) sum[h][p] = fma(w, row[p], sum[h][p]);
      }
    }
    for (size_t h = 0; h < H; ++h) {
      for (size_t p = 0; p < P; ++p) sum[h][p].store(out + h * out_stride + i + p * V::width);
    }
  }
  for (; i < size; i += V::width) {
    const size_t count = least(V::width, size - i);
    V sum[H];
    for (size_t h = 0; h < H; ++h) sum[h] = V::zero();
    for (size_t j = 0; j < n; ++j) {
      const V row = V::load_part(rows + j * stride + i, count, 0);
      for (size_t h = 0; h < H; ++h) sum[h] = fma(V::all(weights[h * weights_stride + j]), row, sum[h]);
    }
    for (size_t h = 0; h < H; ++h) sum[h].store_part(out + h * out_stride + i, count);
  }
}

void weighted_sum(const float* weights, size_t heads, size_t weights_stride, size_t n, const float* rows,
                  size_t stride, size_t size, float* out, size_t out_stride) {
  size_t h = 0;
  for (; h + kHeads <= heads; h += kHeads) {
    weighted_sum_of<kHeads>(weights + h * weights_stride, weights_stride, n, rows, stride, size, out + h * out_stride,
                            out_stride);
  }
  for (; h < heads; ++h) {
    weighted_sum_of<1>(weights + h * weights_stride, weights_stride, n, rows, stride, size, out + h * out_stride,
                       out_stride);
  }
}

// sum[i] += |x[i]| / divisor
void add_magnitudes(const float* x, size_t n, float divisor, double* sum) {
  const V d = V::all(divisor);
  float part[V::width];
  for (size_t i = 0; i < n; i += V::width) {
    const size_t count = least(V::width, n - i);
    (magnitude(V::load_part(x + i, count, 0)) / d).store(part);
    for (size_t j = 0; j < count; ++j) sum[i + j] += static_cast<double>(part[j]);
  }
}

}  // namespace
}  // namespace salient
