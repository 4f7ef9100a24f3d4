// Conversion between fp32 and the other float types.
#pragma once

namespace salient {
namespace {

struct LoadF32 {
  using Element = float;
  static V load(const float* p) { return V::load(p); }
};
struct LoadF16 {
  using Element = uint16_t;
  static V load(const uint16_t* p) { return V::load_f16(p); }
};
struct LoadBf16 {
  using Element = uint16_t;
  static V load(const uint16_t* p) { return V::load_bf16(p); }
};
// Rounds what it loads to bf16.
template <class Load>
struct Rounded {
  using Element = typename Load::Element;
  static V load(const Element* p) { return Load::load(p).round_bf16(); }
};

// The n < V::width elements at p, zeros in the other lanes.
template <class Load>
inline V load_rest(const typename Load::Element* p, size_t n) {
  typename Load::Element rest[V::width] = {};
  std::memcpy(rest, p, n * sizeof(rest[0]));
  return Load::load(rest);
}

template <class Load>
inline void widen(const void* source, float* target, size_t n) {
  const auto* p = static_cast<const typename Load::Element*>(source);
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) Load::load(p + i).store(target + i);
  if (i < n) load_rest<Load>(p + i, n - i).store_part(target + i, n - i);
}

// 1 sign, 4 exponent (bias 7) and 3 mantissa bits; no infinities, NaN where all of the seven are set.
inline float from_e4m3(uint8_t b) {
  const uint32_t sign = static_cast<uint32_t>(b & 0x80) << 24, rest = b & 0x7f;
  if (rest == 0x7f) return float_of(sign | 0x7fc00000u);
  return float_of(sign | bits_of(float_of(rest << 20) * 0x1p120f));
}

void convert_to_f32(const void* source, DType type, float* target, size_t n) {
  switch (type) {
    case DType::F32: std::memcpy(target, source, n * sizeof(float)); break;
    case DType::F16: widen<LoadF16>(source, target, n); break;
    case DType::BF16: widen<LoadBf16>(source, target, n); break;
    case DType::F64:
      for (size_t i = 0; i < n; ++i) target[i] = static_cast<float>(static_cast<const double*>(source)[i]);
      break;
    default:
      for (size_t i = 0; i < n; ++i) target[i] = from_e4m3(static_cast<const uint8_t*>(source)[i]);
      break;
  }
}

void convert_from_f32(const float* source, void* target, DType type, size_t n) {
  if (type == DType::F32) {
    std::memcpy(target, source, n * sizeof(float));
    return;
  }
  auto* out = static_cast<uint16_t*>(target);
  const bool half = type == DType::F16;
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) {
    const V x = V::load(source + i);
    if (half) x.store_f16(out + i);
    else x.store_bf16(out + i);
  }
  if (i < n) {
    uint16_t rest[V::width];
    const V x = V::load_part(source + i, n - i, 0);
    if (half) x.store_f16(rest);
    else x.store_bf16(rest);
    std::memcpy(out + i, rest, (n - i) * sizeof(uint16_t));
  }
}

void round_all_bf16(float* x, size_t n) {
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) V::load(x + i).round_bf16().store(x + i);
  if (i < n) V::load_part(x + i, n - i, 0).round_bf16().store_part(x + i, n - i);
}

}  // namespace
}  // namespace salient
