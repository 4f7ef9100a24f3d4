// fp16 and bf16: their values, and rounding to them, half to even.
#pragma once

#include <bit>
#include <cmath>

#include "program.h"

namespace ptx {

// A double as a float whose last bit says whether it is more than that ("round to odd"): rounding it once more, to
// fewer bits, gives what rounding the double at once would.
inline float odd_float(double x) {
  float cut = static_cast<float>(x);
  if (static_cast<double>(cut) == x || std::isnan(x) || std::isinf(x)) return cut;
  if (std::fabs(static_cast<double>(cut)) > std::fabs(x)) cut = std::nextafter(cut, 0.0f);
  return std::bit_cast<float>(std::bit_cast<u32>(cut) | 1);
}

// a b + c of 16-bit numbers, rounded to odd. Their product is exact.
inline double odd_fma(double a, double b, double c) {
  const double product = a * b, sum = product + c;
  const double part = sum - product, error = (product - (sum - part)) + (c - part);
  const u64 bits = std::bit_cast<u64>(sum);
  if (!(error != 0) || !std::isfinite(sum) || (bits & 1) != 0) return sum;
  return std::bit_cast<double>(std::signbit(error) == std::signbit(sum) ? bits + 1 : bits - 1);
}

struct F16 {
  static double value(u32 word) {
    const u32 exponent = word >> 10 & 31, fraction = word & 1023;
    const double size = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                        : exponent == 0 ? fraction * 0x1p-24
                                        : std::bit_cast<double>(static_cast<u64>(exponent + 1008) << 52 | static_cast<u64>(fraction) << 42);
    return (word & 0x8000) != 0 ? -size : size;
  }
  static u16 round(double x) {
    if (std::isnan(x)) return 0x7fff;
    const u16 sign = std::signbit(x) ? 0x8000 : 0;
    const double size = std::fabs(x);
    if (size >= 65520) return sign | 0x7c00;
    if (size < 0x1p-14) return sign | static_cast<u16>(std::nearbyint(size * 0x1p24));
    // 42 bits go, half to even.
    const u64 bits = std::bit_cast<u64>(size) - (1008ull << 52);
    return sign | static_cast<u16>((bits + (1ull << 41) - 1 + (bits >> 42 & 1)) >> 42);
  }
};

struct Bf16 {
  static double value(u32 word) { return std::bit_cast<float>(word << 16); }
  static u16 round(double x) {
    if (std::isnan(x)) return 0x7fff;
    const u32 bits = std::bit_cast<u32>(odd_float(x));
    return static_cast<u16>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
};

}  // namespace ptx
