// The affine grid, one group at a time. Every operation is rounded to fp32 on its own, so that the integers are those
// of the other backends.
#pragma once

#include "numbers.h"

namespace salient {

// The least and the largest of a group's values; NaN is not looked at.
struct Range {
  float low, high;
};

struct Fitted {
  float scale, zero;
};

// The value that the scale's type stores; never 0 or infinite.
__device__ __forceinline__ float stored_scale(float scale, DType type) {
  const float stored = type == DType::F16 ? from_f16(to_f16(scale)) : type == DType::BF16 ? from_bf16(to_bf16(scale)) : scale;
  const float top = type == DType::F16 ? 65504.0f : float_of(type == DType::BF16 ? 0x7f7f0000u : 0x7f7fffffu);
  if (stored == 0.0f) return type == DType::F16 ? 0x1p-14f : 0x1p-126f;
  return stored > top ? top : stored;
}

__device__ __forceinline__ float clamped(float value, float bound) {
  return value < -bound ? -bound : value > bound ? bound : value;
}

__device__ __forceinline__ Fitted fit(Range range, const Grid& grid) {
  float low = range.low, high = range.high;
  if (low > high) low = high = 0;  // nothing but NaN
  Fitted fitted;
  if (grid.symmetric) {
    const float below = low < 0 ? -low : 0, above = high > 0 ? high : 0;
    float amax = below > above ? below : above;
    if (amax < 1e-5f) amax = 1e-5f;
    fitted.scale = stored_scale(__fdiv_rn(amax, static_cast<float>((1u << (grid.bits - 1)) - 1)), grid.scale);
    fitted.zero = static_cast<float>(1u << (grid.bits - 1));
    return fitted;
  }
  if (grid.range_zero) {
    if (low > 0) low = 0;
    if (high < 0) high = 0;
  }
  const float top = static_cast<float>((1u << grid.bits) - 1);
  float width = high - low;
  if (width < 1e-5f) width = 1e-5f;
  fitted.scale = stored_scale(__fdiv_rn(width, top), grid.scale);
  const float middle = rintf(__fdiv_rn(-low, fitted.scale));
  fitted.zero = middle > 0 ? (middle < top ? middle : top) : 0;
  return fitted;
}

// The integer of a value, as a float; that of NaN is the zero point.
__device__ __forceinline__ float code_of(float value, const Fitted& fitted, float top) {
  const float steps = rintf(__fdiv_rn(value, fitted.scale));
  if (steps != steps) return fitted.zero;
  const float code = steps + fitted.zero;
  return code > top ? top : code > 0 ? code : 0;
}

__device__ __forceinline__ float value_of(float code, const Fitted& fitted) { return (code - fitted.zero) * fitted.scale; }

__device__ __forceinline__ float top_code(const Grid& grid) { return static_cast<float>((1u << grid.bits) - 1); }

// The range of a group of g values that `at` gives, found by a whole warp.
template <class At>
__device__ __forceinline__ Range warp_range(uint32_t g, const At& at) {
  float low = INFINITY, high = -INFINITY;
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) {
    const float value = at(i);
    low = fminf(low, value);  // the other one where one is NaN
    high = fmaxf(high, value);
  }
  return {warp_min(low), warp_max(high)};
}

}  // namespace salient
