// The affine grid, one group at a time.
//
// Every operation here is rounded to fp32 on its own, so all levels choose the same integers.
#pragma once

namespace salient {
namespace {

// The value that the scale's type stores; never 0 or infinite.
inline float stored_scale(float scale, DType type) {
  const float stored = type == DType::F16    ? round_f16(scale)
                       : type == DType::BF16 ? from_bf16(to_bf16(scale))
                                             : scale;
  const float top = type == DType::F16 ? 65504.0f : float_of(type == DType::BF16 ? 0x7f7f0000u : 0x7f7fffffu);
  if (stored == 0.0f) return type == DType::F16 ? 0x1p-14f : 0x1p-126f;
  return stored > top ? top : stored;
}

inline float round_even(float x) {
  if (!(x < 0x1p22f && x > -0x1p22f)) return x;
  return x < 0 ? (x - 0x1p23f) + 0x1p23f : (x + 0x1p23f) - 0x1p23f;
}

// w * s from i on; lanes from n on repeat `rest`.
inline V scaled_part(const float* w, const float* s, size_t i, size_t n, float rest) {
  const V x = V::load_part(w + i, n, rest);
  return s != nullptr ? x * V::load_part(s + i, n, 1) : x;
}

inline V scaled(const float* w, const float* s, size_t i) {
  const V x = V::load(w + i);
  return s != nullptr ? x * V::load(s + i) : x;
}

void fit(const float* w, const float* s, size_t n, const Grid& grid, float bound, float* scale, float* zero) {
  V low = V::all(s != nullptr ? w[0] * s[0] : w[0]), high = low;
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) {
    const V x = scaled(w, s, i);
    low = min(x, low);
    high = max(x, high);
  }
  if (i < n) {
    const V x = scaled_part(w, s, i, n - i, s != nullptr ? w[0] * s[0] : w[0]);
    low = min(x, low);
    high = max(x, high);
  }
  // Clamping keeps order, so the ends may be clamped alone.
  float least_value = low.smallest(), largest_value = high.largest();
  least_value = least_value < -bound ? -bound : least_value > bound ? bound : least_value;
  largest_value = largest_value < -bound ? -bound : largest_value > bound ? bound : largest_value;
  if (grid.symmetric) {
    const float below = least_value < 0 ? -least_value : least_value;
    const float above = largest_value < 0 ? -largest_value : largest_value;
    float amax = below > above ? below : above;
    if (amax < 1e-5f) amax = 1e-5f;
    *scale = stored_scale(amax / static_cast<float>((1u << (grid.bits - 1)) - 1), grid.scale);
    *zero = static_cast<float>(1u << (grid.bits - 1));
    return;
  }
  if (grid.range_zero) {
    if (least_value > 0) least_value = 0;
    if (largest_value < 0) largest_value = 0;
  }
  const float top = static_cast<float>((1u << grid.bits) - 1);
  float range = largest_value - least_value;
  if (range < 1e-5f) range = 1e-5f;
  *scale = stored_scale(range / top, grid.scale);
  const float middle = round_even(-least_value / *scale);
  *zero = middle > 0 ? (middle < top ? middle : top) : 0;
}

struct Rounder {
  V bound, minus_bound, scale, zero, top;
  Rounder(const Grid& grid, float b, float s, float z)
      : bound(V::all(b)), minus_bound(V::all(-b)), scale(V::all(s)), zero(V::all(z)),
        top(V::all(static_cast<float>((1u << grid.bits) - 1))) {}
  V code(V x) const {
    x = min(max(x, minus_bound), bound);
    return min(max(round_even(x / scale) + zero, V::zero()), top);
  }
  V value(V x) const { return (code(x) - zero) * scale; }
};

void codes(const float* w, size_t n, const Grid& grid, float bound, float scale, float zero, uint8_t* out) {
  const Rounder rounder(grid, bound, scale, zero);
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) rounder.code(V::load(w + i)).store_u8(out + i);
  if (i < n) {
    uint8_t rest[V::width];
    rounder.code(V::load_part(w + i, n - i, 0)).store_u8(rest);
    std::memcpy(out + i, rest, n - i);
  }
}

template <bool kScaled, bool kResidual>
inline void rounded_as(const float* w, const float* s, size_t n, const Rounder& rounder, float* out) {
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) {
    const V x = V::load(w + i);
    V y;
    if constexpr (kScaled) {
      const V factor = V::load(s + i);
      y = rounder.value(x * factor) / factor;
    } else {
      y = rounder.value(x);
    }
    (kResidual ? x - y : y).store(out + i);
  }
  if (i < n) {
    const V x = V::load_part(w + i, n - i, 0);
    V y;
    if constexpr (kScaled) {
      const V factor = V::load_part(s + i, n - i, 1);
      y = rounder.value(x * factor) / factor;
    } else {
      y = rounder.value(x);
    }
    (kResidual ? x - y : y).store_part(out + i, n - i);
  }
}

void rounded(const float* w, const float* s, size_t n, const Grid& grid, float bound, float scale, float zero,
             bool residual, float* out) {
  const Rounder rounder(grid, bound, scale, zero);
  if (s != nullptr) {
    residual ? rounded_as<true, true>(w, s, n, rounder, out) : rounded_as<true, false>(w, s, n, rounder, out);
  } else {
    residual ? rounded_as<false, true>(w, s, n, rounder, out) : rounded_as<false, false>(w, s, n, rounder, out);
  }
}

void decode(const uint8_t* source, size_t n, float scale, float zero, float* out) {
  const V z = V::all(zero), f = V::all(scale);
  size_t i = 0;
  for (; i + V::width <= n; i += V::width) ((V::load_u8(source + i) - z) * f).store(out + i);
  for (; i < n; ++i) out[i] = (static_cast<float>(source[i]) - zero) * scale;
}

}  // namespace
}  // namespace salient
