// Every kernel again, as plainly as it can be said, with sums in double: what the tests compare with.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "../abi/kernels.h"

namespace plain {
using salient::DType;
using salient::Grid;
using salient::Moment;

inline float half_to_float(uint16_t h) {
  const int exponent = (h >> 10) & 31, mantissa = h & 1023;
  float value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                               : std::ldexp(static_cast<float>(exponent ? mantissa + 1024 : mantissa),
                                            (exponent ? exponent : 1) - 25);
  return h & 0x8000 ? -value : value;
}

inline float float_of_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t bits_of_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

// Half to even onto a grid of `mantissa` bits, smallest exponent `least`.
inline float round_to(float value, int mantissa, int least, float largest) {
  if (!std::isfinite(value) || value == 0) return value;
  int exponent;
  std::frexp(value, &exponent);
  exponent = std::max(exponent - 1, least);
  const double unit = std::ldexp(1.0, exponent - mantissa);
  const double rounded = std::nearbyint(value / unit) * unit;
  if (std::fabs(rounded) > largest) return value < 0 ? -INFINITY : INFINITY;
  return static_cast<float>(rounded);
}

inline float round_f16(float v) { return round_to(v, 10, -14, 65504.0f); }
inline float round_bf16(float v) { return round_to(v, 7, -126, 3.38953139e38f); }

inline uint16_t float_to_half(float v) {
  const float r = round_f16(v);
  const uint16_t sign = static_cast<uint16_t>(bits_of_float(v) >> 16 & 0x8000);
  if (std::isnan(r)) return sign | 0x7e00;
  if (std::isinf(r)) return sign | 0x7c00;
  int exponent;
  const float fraction = std::frexp(std::fabs(r), &exponent);
  if (r == 0) return sign;
  if (exponent - 1 < -14) return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::ldexp(std::fabs(r), 24)));
  return static_cast<uint16_t>(sign | (exponent + 14) << 10 | (static_cast<int>(std::ldexp(fraction, 11)) & 1023));
}

inline uint16_t float_to_bf16(float v) {
  return std::isnan(v) ? static_cast<uint16_t>(bits_of_float(v) >> 16 | 0x40)
                       : static_cast<uint16_t>(bits_of_float(round_bf16(v)) >> 16);
}

inline float e4m3_to_float(uint8_t b) {
  const int exponent = b >> 3 & 15, mantissa = b & 7;
  const float value = (b & 127) == 127 ? NAN
                      : exponent       ? std::ldexp(1 + mantissa / 8.0f, exponent - 7)
                                       : std::ldexp(mantissa / 8.0f, -6);
  return b & 128 ? -value : value;
}

inline float element(const void* data, DType type, size_t i) {
  switch (type) {
    case DType::F64: return static_cast<float>(static_cast<const double*>(data)[i]);
    case DType::F16: return half_to_float(static_cast<const uint16_t*>(data)[i]);
    case DType::BF16: return float_of_bits(static_cast<uint32_t>(static_cast<const uint16_t*>(data)[i]) << 16);
    case DType::F8_E4M3: return e4m3_to_float(static_cast<const uint8_t*>(data)[i]);
    default: return static_cast<const float*>(data)[i];
  }
}

inline float scale_to(float value, DType type) {
  if (type == DType::F16) {
    const float r = round_f16(value);
    return r == 0 ? 0x1p-14f : std::isinf(r) ? 65504.0f : r;
  }
  if (type == DType::BF16) {
    const float r = round_bf16(value);
    return r == 0 ? 0x1p-126f : std::isinf(r) ? 3.38953139e38f : r;
  }
  return value == 0 ? 0x1p-126f : std::isinf(value) ? 3.40282347e38f : value;
}

// One group of g weights; bound infinite for none.
inline void quantize_group(const float* w, const Grid& grid, float bound, uint8_t* codes, float* scale,
                           uint8_t* zero, size_t g) {
  const float top = static_cast<float>((1 << grid.bits) - 1);
  float low = INFINITY, high = -INFINITY;
  auto at = [&](size_t i) { return std::min(std::max(w[i], -bound), bound); };
  for (size_t i = 0; i < g; ++i) low = std::min(low, at(i)), high = std::max(high, at(i));
  float z;
  if (grid.symmetric) {
    const float amax = std::max(std::max(std::fabs(low), std::fabs(high)), 1e-5f);
    *scale = scale_to(amax / static_cast<float>((1 << (grid.bits - 1)) - 1), grid.scale);
    z = static_cast<float>(1 << (grid.bits - 1));
  } else {
    if (grid.range_zero) low = std::min(low, 0.0f), high = std::max(high, 0.0f);
    *scale = scale_to(std::max(high - low, 1e-5f) / top, grid.scale);
    z = std::min(std::max(std::nearbyint(-low / *scale), 0.0f), top);
  }
  *zero = static_cast<uint8_t>(z);
  for (size_t i = 0; i < g; ++i) {
    const float q = std::nearbyint(at(i) / *scale) + z;
    codes[i] = static_cast<uint8_t>(std::min(std::max(q, 0.0f), top));
  }
}

// out [K] = Q(w * s) / s of one row; s null for ones.
inline void fake_row(const float* w, const Grid& grid, const float* s, float* out, size_t K) {
  std::vector<float> scaled(grid.group);
  std::vector<uint8_t> codes(grid.group);
  for (size_t start = 0; start < K; start += grid.group) {
    float scale;
    uint8_t zero;
    for (size_t i = 0; i < grid.group; ++i) scaled[i] = s ? w[start + i] * s[start + i] : w[start + i];
    quantize_group(scaled.data(), grid, INFINITY, codes.data(), &scale, &zero, grid.group);
    for (size_t i = 0; i < grid.group; ++i) {
      const float value = static_cast<float>(codes[i] - zero) * scale;
      out[start + i] = s ? value / s[start + i] : value;
    }
  }
}

// ||X d^T||^2 of d [size] that stands at column `start` of K.
inline double energy(const float* d, const Moment& moment, size_t start, size_t size, size_t K) {
  double total = 0;
  if (moment.tokens) {
    for (size_t t = 0; t < moment.rows; ++t) {
      double sum = 0;
      for (size_t i = 0; i < size; ++i) sum += static_cast<double>(moment.data[t * K + start + i]) * d[i];
      total += sum * sum;
    }
    return total * moment.weight;
  }
  for (size_t i = 0; i < size; ++i) {
    double sum = 0;
    for (size_t j = 0; j < size; ++j) sum += static_cast<double>(moment.data[(start + i) * K + start + j]) * d[j];
    total += sum * d[i];
  }
  return total;
}

}  // namespace plain
