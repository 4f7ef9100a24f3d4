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

// out[j] = x . rows[j * stride], R rows at a time.
template <size_t R>
inline void some_dots(const float* x, size_t size, const float* rows, size_t stride, float* out) {
  V sum[R];
  for (size_t r = 0; r < R; ++r) sum[r] = V::zero();
  size_t i = 0;
  for (; i + V::width <= size; i += V::width) {
    const V a = V::load(x + i);
    for (size_t r = 0; r < R; ++r) sum[r] = fma(a, V::load(rows + r * stride + i), sum[r]);
  }
  if (i < size) {
    const V a = V::load_part(x + i, size - i, 0);
    for (size_t r = 0; r < R; ++r) sum[r] = fma(a, V::load_part(rows + r * stride + i, size - i, 0), sum[r]);
  }
  for (size_t r = 0; r < R; ++r) out[r] = sum[r].sum();
}

void dots(const float* x, size_t size, const float* rows, size_t stride, size_t n, float* out) {
  size_t j = 0;
  for (; j + 4 <= n; j += 4) some_dots<4>(x, size, rows + j * stride, stride, out + j);
  for (; j < n; ++j) some_dots<1>(x, size, rows + j * stride, stride, out + j);
}

// out [size] = sum over j of weights[j] * rows[j * stride], four vectors of it at a time.
void weighted_sum(const float* weights, size_t n, const float* rows, size_t stride, size_t size, float* out) {
  size_t i = 0;
  for (; i + 4 * V::width <= size; i += 4 * V::width) {
    V sum[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
    for (size_t j = 0; j < n; ++j) {
      const V w = V::all(weights[j]);
      for (size_t p = 0; p < 4; ++p) sum[p] = fma(w, V::load(rows + j * stride + i + p * V::width), sum[p]);
    }
    for (size_t p = 0; p < 4; ++p) sum[p].store(out + i + p * V::width);
  }
  for (; i < size; i += V::width) {
    const size_t count = least(V::width, size - i);
    V sum = V::zero();
    for (size_t j = 0; j < n; ++j) {
      sum = fma(V::all(weights[j]), V::load_part(rows + j * stride + i, count, 0), sum);
    }
    sum.store_part(out + i, count);
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
