// Loops that the compiler vectorizes for each instruction set. Contraction is off, so every set gives the
// same bits.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define SALIENT_VECTORIZED __attribute__((target_clones("default", "avx2", "arch=skylake-avx512")))
#else
#define SALIENT_VECTORIZED
#endif

namespace salient {

// exp(x) to about 1 ulp, without branches: 2^n * p(r), x = n ln 2 + r, |r| <= ln 2 / 2, where p is the
// Taylor polynomial of degree 7. Below -87.3 it gives 0, above 88 infinity; NaN stays NaN.
static inline __attribute__((always_inline)) float exp_f32(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
  constexpr float kLog2e = 1.44269504088896341f;
  constexpr float kLn2High = 0.693359375f;  // few bits, so that n * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4f;
  float inside = x < -87.3f ? -87.3f : x;
  inside = inside > 88.0f ? 88.0f : inside;
  const float shifted = inside * kLog2e + kShift;
  const float n = shifted - kShift;
  const float r = (inside - n * kLn2High) - n * kLn2Low;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  // The low bits of `shifted` hold n; n + 127 is the biased exponent of 2^n, for n from -126 to 127.
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;
  float result = p * std::bit_cast<float>(exponent);
  result = x < -87.3f ? 0.0f : result;
  result = x > 88.0f ? __builtin_inff() : result;
  return x != x ? x : result;
}

// tanh(x) to about 1e-7, without branches: its series near 0, where the quotient would cancel. NaN stays NaN.
static inline __attribute__((always_inline)) float tanh_f32(float x) {
  const float size = x < 0.0f ? -x : x;
  const float e = exp_f32(-2.0f * size);
  const float quotient = (1.0f - e) / (1.0f + e);
  const float s = x * x;
  float p = 2.18694885e-2f;  // 62 / 2835
  p = p * s - 5.39682540e-2f;
  p = p * s + 1.33333333e-1f;
  p = p * s - 3.33333333e-1f;
  const float near = x * (p * s) + x;
  const float far = x < 0.0f ? -quotient : quotient;
  return size < 0.25f ? near : far;
}

}  // namespace salient
