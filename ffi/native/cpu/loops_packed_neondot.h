// Few rows of x times packed weights by integer products (SDOT): four codes a lane and instruction, see
// loops_packed_digits.h.
#pragma once

#if defined(SALIENT_NEON) && defined(SALIENT_DIGITS)

namespace salient {
namespace {

// Codes as the signed bytes that the instruction takes: of 4 bits as they are, of 8 bits less this.
template <size_t PerWord>
constexpr int kCodeShift = PerWord == 4 ? 128 : 0;

// The sum of (code - zero) * x from the sums of code * x and of x.
inline V without_zero(int32x4_t sum, int32x4_t zero, int32_t sum_of_x) {
  return {vcvtq_f32_s32(vmlsq_n_s32(sum, zero, sum_of_x))};
}

// y [T, 16] of T rows of x, `row` bytes of what is prepared each: a sum for each of D digits, row of x and four
// lanes of the tile.
template <size_t PerWord, size_t D, size_t T>
inline void integer_rows(const PackedTile& tile, const char* prepared, size_t row, size_t K, float* y,
                         size_t y_stride) {
  const size_t groups = K / tile.group, words = words_in(tile.group, PerWord);
  const auto* digits = reinterpret_cast<const int8_t*>(prepared) + heads_size(groups);
  V total[T][kParts];
  for (size_t t = 0; t < T; ++t) {
    for (size_t p = 0; p < kParts; ++p) total[t][p] = V::zero();
  }
  const auto* word = reinterpret_cast<const uint8_t*>(tile.words);
  for (size_t g = 0; g < groups; ++g) {
    int32x4_t sum[T][D][kParts];
    for (size_t t = 0; t < T; ++t) {
      for (size_t d = 0; d < D; ++d) {
        for (size_t p = 0; p < kParts; ++p) sum[t][d][p] = vdupq_n_s32(0);
      }
    }
    for (size_t k = 0; k < words; ++k, word += kTileRows * 4, digits += D * PerWord) {
      for (size_t p = 0; p < kParts; ++p) {
        const uint8x16_t codes = vld1q_u8(word + p * 16);
        if constexpr (PerWord == 8) {
          const int8x16_t first = vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(15)));
          const int8x16_t second = vreinterpretq_s8_u8(vshrq_n_u8(codes, 4));
          for (size_t t = 0; t < T; ++t) {
            for (size_t d = 0; d < D; ++d) {
              const int8x8_t of = vld1_s8(digits + t * row + d * 8);
              sum[t][d][p] = vdotq_lane_s32(vdotq_lane_s32(sum[t][d][p], first, of, 0), second, of, 1);
            }
          }
        } else {
          const int8x16_t code = vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(kCodeShift<PerWord>)));
          for (size_t t = 0; t < T; ++t) {
            for (size_t d = 0; d < D; ++d) {
              int32_t four;
              std::memcpy(&four, digits + t * row + d * 4, 4);
              sum[t][d][p] = vdotq_s32(sum[t][d][p], code, vreinterpretq_s8_s32(vdupq_n_s32(four)));
            }
          }
        }
      }
    }
    for (size_t p = 0; p < kParts; ++p) {
      const size_t at = g * kTileRows + p * V::width;
      const V scale = packed_scales(tile, at);
      int32_t zeros[4];
      for (size_t i = 0; i < 4; ++i) zeros[i] = tile.zeros[at + i] - kCodeShift<PerWord>;
      const int32x4_t zero = vld1q_s32(zeros);
      for (size_t t = 0; t < T; ++t) {
        const GroupOfX& of = reinterpret_cast<const GroupOfX*>(prepared + t * row)[g];
        V value;
        if constexpr (D == 2) {
          value = without_zero(vaddq_s32(vshlq_n_s32(sum[t][1][p], 8), sum[t][0][p]), zero, of.sums[0]);
        } else {
          value = without_zero(sum[t][2][p], zero, of.sums[2]);
          value = fma(value, V::all(256), without_zero(sum[t][1][p], zero, of.sums[1]));
          value = fma(value, V::all(256), without_zero(sum[t][0][p], zero, of.sums[0]));
        }
        total[t][p] = fma(scale * V::all(of.unit), value, total[t][p]);
      }
    }
  }
  for (size_t t = 0; t < T; ++t) {
    for (size_t p = 0; p < kParts; ++p) total[t][p].store(y + t * y_stride + p * V::width);
  }
}

// Two rows of x at a time: their sums and the codes fill the registers.
template <size_t PerWord, size_t D>
void integer_few(const PackedTile& tile, const char* prepared, size_t T, size_t K, float* y, size_t y_stride) {
  const size_t row = digits_size(K, tile.group, PerWord);
  size_t t = 0;
  for (; t + 2 <= T; t += 2) integer_rows<PerWord, D, 2>(tile, prepared + t * row, row, K, y + t * y_stride, y_stride);
  if (t < T) integer_rows<PerWord, D, 1>(tile, prepared + t * row, row, K, y + t * y_stride, y_stride);
}

void packed_few_integer(const PackedTile& first, size_t tiles, const float*, const void* prepared, size_t T, size_t K,
                        float* y, size_t y_stride) {
  const bool two = digits_for(first.group) == 2;
  const auto* p = static_cast<const char*>(prepared);
  for (size_t i = 0; i < tiles; ++i, y += kTileRows) {
    const PackedTile tile = tile_after(first, i);
    if (tile.per_word == 8) (two ? integer_few<8, 2> : integer_few<8, 3>)(tile, p, T, K, y, y_stride);
    else (two ? integer_few<4, 2> : integer_few<4, 3>)(tile, p, T, K, y, y_stride);
  }
}

}  // namespace
}  // namespace salient
#endif
