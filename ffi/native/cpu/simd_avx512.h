// V of 16 floats (AVX-512 F, BW, VL, DQ).
#pragma once

#include <immintrin.h>

// g++ 12 takes the "undefined" registers inside its own intrinsics for mistakes.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace salient {
namespace {

struct V {
  static constexpr size_t width = 16;
  static constexpr size_t tile_rows = 12;  // register tile of a product: rows x vectors
  static constexpr size_t tile_vectors = 2;
  static constexpr size_t sums = 16;  // registers to keep running sums in

  __m512 v;

  static V zero() { return {_mm512_setzero_ps()}; }
  static V all(float x) { return {_mm512_set1_ps(x)}; }
  static V load(const float* p) { return {_mm512_loadu_ps(p)}; }
  // Lanes from n on hold `rest`.
  static V load_part(const float* p, size_t n, float rest) {
    return {_mm512_mask_loadu_ps(_mm512_set1_ps(rest), lanes(n), p)};
  }
  static V load_f16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static V load_bf16(const uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  static V load_u8(const uint8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_part(float* p, size_t n) const { _mm512_mask_storeu_ps(p, lanes(n), v); }
  void store_f16(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  void store_bf16(uint16_t* p) const {
    const __m512i high = _mm512_srli_epi32(_mm512_castps_si512(round_bf16().v), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(high));
  }
  // Whole numbers from 0 to 255 as bytes.
  void store_u8(uint8_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(v)));
  }
  // The nearest whole numbers, half to even.
  void store_whole(int32_t* p) const { _mm512_storeu_si512(p, _mm512_cvtps_epi32(v)); }
  bool any_nan() const { return _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q) != 0; }
  // The nearest bf16, half to even.
  V round_bf16() const {
    const __m512i u = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
    const __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
    const __m512i nearest = _mm512_mask_mov_epi32(up, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), quiet);
    return {_mm512_castsi512_ps(_mm512_and_si512(nearest, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
  }
  float sum() const { return _mm512_reduce_add_ps(v); }
  float smallest() const { return _mm512_reduce_min_ps(v); }
  float largest() const { return _mm512_reduce_max_ps(v); }

  static __mmask16 lanes(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
};

inline V operator+(V a, V b) { return {_mm512_add_ps(a.v, b.v)}; }
inline V operator-(V a, V b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline V operator*(V a, V b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline V operator/(V a, V b) { return {_mm512_div_ps(a.v, b.v)}; }
inline V fma(V a, V b, V c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline V min(V a, V b) { return {_mm512_min_ps(a.v, b.v)}; }
inline V max(V a, V b) { return {_mm512_max_ps(a.v, b.v)}; }
inline V magnitude(V a) { return {_mm512_abs_ps(a.v)}; }
inline V round_even(V a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a * 2^n for whole n from -126 to 127.
inline V times_power(V a, V n) {
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v),
                                               _mm512_slli_epi32(_mm512_cvtps_epi32(n.v), 23)))};
}

inline float round_f16(float x) { return _cvtsh_ss(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT)); }

// A running sum in double.
struct Sum {
  __m512d a = _mm512_setzero_pd(), b = _mm512_setzero_pd();
  // += x * y, both exact in double.
  void add(V x, V y) {
    a = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(x.v)),
                        _mm512_cvtps_pd(_mm512_castps512_ps256(y.v)), a);
    b = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1)),
                        _mm512_cvtps_pd(_mm512_extractf32x8_ps(y.v, 1)), b);
  }
  double total() const { return _mm512_reduce_add_pd(_mm512_add_pd(a, b)); }
};

// target [16][ld_target] = transpose of source [16][ld_source].
inline void transpose_block(const uint32_t* source, size_t ld_source, uint32_t* target, size_t ld_target) {
  __m512i r[16], t[16];
  for (size_t i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(source + i * ld_source);
  for (size_t i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (size_t i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (size_t i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (size_t i = 0; i < 8; ++i) {
    _mm512_storeu_si512(target + i * ld_target, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
    _mm512_storeu_si512(target + (i + 8) * ld_target, _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
  }
}

}  // namespace
}  // namespace salient
