// The register tile of a matrix product and the loops around it.
#pragma once

namespace salient {
namespace {

constexpr size_t kPanel = V::width * V::tile_vectors;

// A step of one fp32 input.
struct SumProducts {
  using Word = float;
  using Right = V;
  static Right right(const float* p) { return V::load(p); }
#if defined(SALIENT_NEON)
  // The instruction takes one lane of a register, so the value need not be spread first.
  using Left = float;
  static Left left(const float* p) { return *p; }
  static V add(Left a, Right b, V sum) { return {vfmaq_n_f32(sum.v, b.v, a)}; }
#else
  using Left = V;
  static Left left(const float* p) { return V::all(*p); }
  static V add(Left a, Right b, V sum) { return fma(a, b, sum); }
#endif
};

#if defined(SALIENT_PAIRS)
// A step of two bf16 inputs.
struct SumPairs {
  using Word = uint32_t;
#if defined(SALIENT_NEON)
  using Left = bfloat16x4_t;
  using Right = bfloat16x8_t;
  static Left left(const uint32_t* p) { return vreinterpret_bf16_u32(vld1_dup_u32(p)); }
  static Right right(const uint32_t* p) { return vreinterpretq_bf16_u32(vld1q_u32(p)); }
  static V add(Left a, Right b, V sum) { return {vbfdotq_lane_f32(sum.v, b, a, 0)}; }
#else
  using Left = __m512i;
  using Right = __m512i;
  static Left left(const uint32_t* p) { return _mm512_set1_epi32(static_cast<int>(*p)); }
  static Right right(const uint32_t* p) { return _mm512_loadu_si512(p); }
  static V add(Left a, Right b, V sum) {
    return {_mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b))};
  }
#endif
};
#endif

// c [R, kPanel] (+)= a [R][kStride] b [depth][kPanel]
template <class Step, size_t R>
inline void tile(const typename Step::Word* a, const typename Step::Word* b, size_t depth, float* c,
                 size_t c_stride, bool add) {
  constexpr size_t C = V::tile_vectors;
  V sum[R][C];
  for (size_t r = 0; r < R; ++r) {
    for (size_t j = 0; j < C; ++j) sum[r][j] = V::zero();
  }
  for (size_t k = 0; k < depth; ++k) {
    typename Step::Right right[C];
    for (size_t j = 0; j < C; ++j) right[j] = Step::right(b + k * kPanel + j * V::width);
    for (size_t r = 0; r < R; ++r) {
      const typename Step::Left left = Step::left(a + r * kStride + k);
      for (size_t j = 0; j < C; ++j) sum[r][j] = Step::add(left, right[j], sum[r][j]);
    }
  }
  for (size_t r = 0; r < R; ++r) {
    for (size_t j = 0; j < C; ++j) {
      float* at = c + r * c_stride + j * V::width;
      (add ? V::load(at) + sum[r][j] : sum[r][j]).store(at);
    }
  }
}

// Calls tile() for a number of rows known only at run time, 1 to R.
template <class Step, size_t R>
inline void tile_of(size_t rows, const typename Step::Word* a, const typename Step::Word* b, size_t depth,
                    float* c, size_t c_stride, bool add) {
  if (rows == R) {
    tile<Step, R>(a, b, depth, c, c_stride, add);
  } else if constexpr (R > 1) {
    tile_of<Step, R - 1>(rows, a, b, depth, c, c_stride, add);
  }
}

template <class Step>
void product(const typename Step::Word* a, size_t rows, const typename Step::Word* b, size_t columns,
             size_t depth, float* c, size_t c_stride, bool add) {
  constexpr size_t R = V::tile_rows;
  // The next rows of the left side, which may come from the farthest cache, are asked for a share at each panel.
  const size_t share = (R * kStride * kPanel / (columns < kPanel ? kPanel : columns) + 15) / 16 * 16;
  for (size_t i = 0; i < rows; i += R) {
    const size_t count = least(R, rows - i), left = rows - i - count;
    const auto* next = a + (i + count) * kStride;
    for (size_t j = 0; j < columns; j += kPanel) {
      const size_t end = least((j / kPanel + 1) * share, least(R, left) * kStride);
      for (size_t word = j / kPanel * share; word < end; word += 16) __builtin_prefetch(next + word);
      float* at = c + i * c_stride + j;
      if (columns - j >= kPanel) {
        tile_of<Step, R>(count, a + i * kStride, b + j * depth, depth, at, c_stride, add);
        continue;
      }
      // A part of a panel goes through a whole tile.
      float edge[R * kPanel];
      tile_of<Step, R>(count, a + i * kStride, b + j * depth, depth, edge, kPanel, false);
      for (size_t r = 0; r < count; ++r) {
        for (size_t n = 0; n < columns - j; ++n) {
          float& target = at[r * c_stride + n];
          target = add ? target + edge[r * kPanel + n] : edge[r * kPanel + n];
        }
      }
    }
  }
}

// target [columns][target_stride] = transpose of source [rows][source_stride]
void transpose(const uint32_t* source, size_t source_stride, size_t rows, size_t columns, uint32_t* target,
               size_t target_stride) {
  constexpr size_t W = V::width;
  for (size_t i = 0; i < rows; i += W) {
    for (size_t j = 0; j < columns; j += W) {
      const uint32_t* from = source + i * source_stride + j;
      uint32_t* to = target + j * target_stride + i;
      if (rows - i >= W && columns - j >= W) {
        transpose_block(from, source_stride, to, target_stride);
        continue;
      }
      for (size_t r = 0; r < least(W, rows - i); ++r) {
        for (size_t c = 0; c < least(W, columns - j); ++c) to[c * target_stride + r] = from[r * source_stride + c];
      }
    }
  }
}

}  // namespace
}  // namespace salient
