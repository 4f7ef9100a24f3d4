// V of 4 floats in the compiler's own vector types: any processor, no instruction set assumed.
#pragma once

namespace salient {
namespace {

typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourInts __attribute__((vector_size(16)));
typedef uint32_t FourBits __attribute__((vector_size(16)));
typedef double Two __attribute__((vector_size(16)));

inline float from_f16(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
  if (rest >= 0x7c00) return float_of(sign | 0x7f800000u | (rest & 0x3ff ? (rest << 13 | 0x400000u) : 0));
  // Placed at the bottom of the exponent range, a subnormal half is a subnormal float: scaling is exact.
  return float_of(sign | bits_of(float_of(rest << 13) * 0x1p112f));
}

inline uint16_t to_f16(float x) {
  const uint32_t u = bits_of(x), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
  if (rest > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00 | (rest >> 13 & 0x3ff));
  if (rest >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00);
  if (rest < 0x38800000u) {  // below the normals: adding 0.5 leaves units of 2^-24, rounded half to even
    return static_cast<uint16_t>(sign | (bits_of(float_of(rest) + 0.5f) - bits_of(0.5f)));
  }
  return static_cast<uint16_t>(sign | (rest - 0x38000000u + 0xfff + (rest >> 13 & 1)) >> 13);
}

inline float round_f16(float x) { return from_f16(to_f16(x)); }

struct V {
  static constexpr size_t width = 4;
  static constexpr size_t tile_rows = 4;  // register tile of a product: rows x vectors
  static constexpr size_t tile_vectors = 2;
  static constexpr size_t sums = 8;  // registers to keep running sums in

  Four v;

  static V zero() { return {Four{0, 0, 0, 0}}; }
  static V all(float x) { return {Four{x, x, x, x}}; }
  static V load(const float* p) {
    V r;
    std::memcpy(&r.v, p, 16);
    return r;
  }
  // Lanes from n on hold `rest`.
  static V load_part(const float* p, size_t n, float rest) {
    V r = all(rest);
    for (size_t i = 0; i < n; ++i) r.v[i] = p[i];
    return r;
  }
  static V load_f16(const uint16_t* p) { return {Four{from_f16(p[0]), from_f16(p[1]), from_f16(p[2]), from_f16(p[3])}}; }
  static V load_bf16(const uint16_t* p) {
    return {Four{from_bf16(p[0]), from_bf16(p[1]), from_bf16(p[2]), from_bf16(p[3])}};
  }
  static V load_u8(const uint8_t* p) {
    return {Four{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]), static_cast<float>(p[3])}};
  }
  void store(float* p) const { std::memcpy(p, &v, 16); }
  void store_part(float* p, size_t n) const {
    for (size_t i = 0; i < n; ++i) p[i] = v[i];
  }
  void store_f16(uint16_t* p) const {
    for (size_t i = 0; i < 4; ++i) p[i] = to_f16(v[i]);
  }
  void store_bf16(uint16_t* p) const {
    for (size_t i = 0; i < 4; ++i) p[i] = to_bf16(v[i]);
  }
  // Whole numbers from 0 to 255 as bytes.
  void store_u8(uint8_t* p) const {
    for (size_t i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(v[i]);
  }
  // The nearest whole numbers, half to even.
  inline void store_whole(int32_t* p) const;
  bool any_nan() const { return v[0] != v[0] || v[1] != v[1] || v[2] != v[2] || v[3] != v[3]; }
  // The nearest bf16, half to even.
  V round_bf16() const {
    V r;
    for (size_t i = 0; i < 4; ++i) r.v[i] = from_bf16(to_bf16(v[i]));
    return r;
  }
  float sum() const { return (v[0] + v[2]) + (v[1] + v[3]); }
  float smallest() const {
    const float a = v[0] < v[1] ? v[0] : v[1], b = v[2] < v[3] ? v[2] : v[3];
    return a < b ? a : b;
  }
  float largest() const {
    const float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
    return a > b ? a : b;
  }
};

inline V operator+(V a, V b) { return {a.v + b.v}; }
inline V operator-(V a, V b) { return {a.v - b.v}; }
inline V operator*(V a, V b) { return {a.v * b.v}; }
inline V operator/(V a, V b) { return {a.v / b.v}; }
inline V fma(V a, V b, V c) { return {a.v * b.v + c.v}; }
inline V min(V a, V b) { return {a.v < b.v ? a.v : b.v}; }
inline V max(V a, V b) { return {a.v > b.v ? a.v : b.v}; }
inline V magnitude(V a) {
  const FourBits u = reinterpret_cast<FourBits>(a.v) & FourBits{0x7fffffffu, 0x7fffffffu, 0x7fffffffu, 0x7fffffffu};
  return {reinterpret_cast<Four>(u)};
}
// Adding and taking away 2^23 of the same sign leaves a whole number, rounded half to even.
inline V round_even(V a) {
  const FourBits sign = reinterpret_cast<FourBits>(a.v) & FourBits{0x80000000u, 0x80000000u, 0x80000000u, 0x80000000u};
  const Four big = reinterpret_cast<Four>(sign | FourBits{0x4b000000u, 0x4b000000u, 0x4b000000u, 0x4b000000u});
  const Four rounded = (a.v + big) - big;
  return {magnitude(a).v < 0x1p23f ? rounded : a.v};
}

inline void V::store_whole(int32_t* p) const {
  const FourInts whole = __builtin_convertvector(round_even(*this).v, FourInts);
  std::memcpy(p, &whole, sizeof(whole));
}
// a * 2^n for whole n from -126 to 127.
inline V times_power(V a, V n) {
  const FourInts power = __builtin_convertvector(n.v, FourInts);
  const FourBits u = reinterpret_cast<FourBits>(a.v) + (reinterpret_cast<FourBits>(power) << 23);
  return {reinterpret_cast<Four>(u)};
}

// A running sum in double.
struct Sum {
  Two a = {0, 0}, b = {0, 0};
  // += x * y, both exact in double.
  void add(V x, V y) {
    a += Two{x.v[0], x.v[1]} * Two{y.v[0], y.v[1]};
    b += Two{x.v[2], x.v[3]} * Two{y.v[2], y.v[3]};
  }
  double total() const { return (a[0] + b[0]) + (a[1] + b[1]); }
};

// target [4][ld_target] = transpose of source [4][ld_source].
inline void transpose_block(const uint32_t* source, size_t ld_source, uint32_t* target, size_t ld_target) {
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) target[j * ld_target + i] = source[i * ld_source + j];
  }
}

}  // namespace
}  // namespace salient
