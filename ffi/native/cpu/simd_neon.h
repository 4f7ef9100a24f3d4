// V of 4 floats (AArch64 Advanced SIMD, which every 64-bit Arm processor has).
#pragma once

#include <arm_neon.h>

namespace salient {
namespace {

struct V {
  static constexpr size_t width = 4;
  static constexpr size_t tile_rows = 6;  // register tile of a product: rows x vectors
  static constexpr size_t tile_vectors = 4;
  static constexpr size_t sums = 16;  // registers to keep running sums in

  float32x4_t v;

  static V zero() { return {vdupq_n_f32(0)}; }
  static V all(float x) { return {vdupq_n_f32(x)}; }
  static V load(const float* p) { return {vld1q_f32(p)}; }
  // Lanes from n on hold `rest`.
  static V load_part(const float* p, size_t n, float rest) {
    if (n >= 4) return load(p);
    float32x4_t r = vdupq_n_f32(rest);
    if (n > 0) r = vld1q_lane_f32(p, r, 0);
    if (n > 1) r = vld1q_lane_f32(p + 1, r, 1);
    if (n > 2) r = vld1q_lane_f32(p + 2, r, 2);
    return {r};
  }
  static V load_f16(const uint16_t* p) { return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))}; }
  static V load_bf16(const uint16_t* p) { return {vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))}; }
  static V load_u8(const uint8_t* p) {
    uint32_t four;
    std::memcpy(&four, p, 4);
    const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
    return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)))};
  }
  void store(float* p) const { vst1q_f32(p, v); }
  void store_part(float* p, size_t n) const {
    if (n >= 4) return store(p);
    if (n > 0) vst1q_lane_f32(p, v, 0);
    if (n > 1) vst1q_lane_f32(p + 1, v, 1);
    if (n > 2) vst1q_lane_f32(p + 2, v, 2);
  }
  void store_f16(uint16_t* p) const { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
  void store_bf16(uint16_t* p) const {
    vst1_u16(p, vshrn_n_u32(vreinterpretq_u32_f32(round_bf16().v), 16));
  }
  // Whole numbers from 0 to 255 as bytes.
  void store_u8(uint8_t* p) const {
    const uint16x4_t words = vqmovn_u32(vcvtq_u32_f32(v));
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vqmovn_u16(vcombine_u16(words, words))), 0);
    std::memcpy(p, &four, 4);
  }
  // The nearest whole numbers, half to even.
  void store_whole(int32_t* p) const { vst1q_s32(p, vcvtnq_s32_f32(v)); }
  bool any_nan() const { return vminvq_u32(vceqq_f32(v, v)) == 0; }
  // The nearest bf16, half to even.
  V round_bf16() const {
    const uint32x4_t u = vreinterpretq_u32_f32(v);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    const uint32x4_t up = vaddq_u32(vaddq_u32(u, vdupq_n_u32(0x7fff)), odd);
    const uint32x4_t quiet = vorrq_u32(u, vdupq_n_u32(0x400000));
    const uint32x4_t nearest = vbslq_u32(vceqq_f32(v, v), up, quiet);
    return {vreinterpretq_f32_u32(vandq_u32(nearest, vdupq_n_u32(0xffff0000u)))};
  }
  float sum() const {
    const float32x2_t half = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
  }
  float smallest() const {
    const float32x2_t low = vget_low_f32(v), high = vget_high_f32(v);
    const float32x2_t half = vbsl_f32(vclt_f32(low, high), low, high);
    const float a = vget_lane_f32(half, 0), b = vget_lane_f32(half, 1);
    return a < b ? a : b;
  }
  float largest() const {
    const float32x2_t low = vget_low_f32(v), high = vget_high_f32(v);
    const float32x2_t half = vbsl_f32(vcgt_f32(low, high), low, high);
    const float a = vget_lane_f32(half, 0), b = vget_lane_f32(half, 1);
    return a > b ? a : b;
  }
};

inline V operator+(V a, V b) { return {vaddq_f32(a.v, b.v)}; }
inline V operator-(V a, V b) { return {vsubq_f32(a.v, b.v)}; }
inline V operator*(V a, V b) { return {vmulq_f32(a.v, b.v)}; }
inline V operator/(V a, V b) { return {vdivq_f32(a.v, b.v)}; }
inline V fma(V a, V b, V c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
// A comparison and a choice: the instructions for minima give NaN where either side is NaN.
inline V min(V a, V b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
inline V max(V a, V b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
inline V magnitude(V a) { return {vabsq_f32(a.v)}; }
inline V round_even(V a) { return {vrndnq_f32(a.v)}; }
// a * 2^n for whole n from -126 to 127.
inline V times_power(V a, V n) {
  const int32x4_t power = vshlq_n_s32(vcvtnq_s32_f32(n.v), 23);
  return {vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a.v), power))};
}

inline float round_f16(float x) { return static_cast<float>(static_cast<__fp16>(x)); }

// A running sum in double.
struct Sum {
  float64x2_t a = vdupq_n_f64(0), b = vdupq_n_f64(0);
  // += x * y, both exact in double.
  void add(V x, V y) {
    a = vfmaq_f64(a, vcvt_f64_f32(vget_low_f32(x.v)), vcvt_f64_f32(vget_low_f32(y.v)));
    b = vfmaq_f64(b, vcvt_high_f64_f32(x.v), vcvt_high_f64_f32(y.v));
  }
  double total() const {
    const float64x2_t both = vaddq_f64(a, b);
    return vgetq_lane_f64(both, 0) + vgetq_lane_f64(both, 1);
  }
};

// target [4][ld_target] = transpose of source [4][ld_source].
inline void transpose_block(const uint32_t* source, size_t ld_source, uint32_t* target, size_t ld_target) {
  const uint32x4_t a = vld1q_u32(source), b = vld1q_u32(source + ld_source);
  const uint32x4_t c = vld1q_u32(source + 2 * ld_source), d = vld1q_u32(source + 3 * ld_source);
  const uint64x2_t ab_even = vreinterpretq_u64_u32(vtrn1q_u32(a, b)), ab_odd = vreinterpretq_u64_u32(vtrn2q_u32(a, b));
  const uint64x2_t cd_even = vreinterpretq_u64_u32(vtrn1q_u32(c, d)), cd_odd = vreinterpretq_u64_u32(vtrn2q_u32(c, d));
  vst1q_u32(target, vreinterpretq_u32_u64(vtrn1q_u64(ab_even, cd_even)));
  vst1q_u32(target + ld_target, vreinterpretq_u32_u64(vtrn1q_u64(ab_odd, cd_odd)));
  vst1q_u32(target + 2 * ld_target, vreinterpretq_u32_u64(vtrn2q_u64(ab_even, cd_even)));
  vst1q_u32(target + 3 * ld_target, vreinterpretq_u32_u64(vtrn2q_u64(ab_odd, cd_odd)));
}

}  // namespace
}  // namespace salient
