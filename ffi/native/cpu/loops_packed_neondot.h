// Few rows of x times packed weights by integer products (SDOT): four codes a lane and instruction, see
// loops_packed_digits.h.
#pragma once

#if defined(SALIENT_NEON) && defined(SALIENT_DIGITS)

namespace salient {
namespace {

// Codes as the signed bytes that the instruction takes: of 4 bits as they are, of 8 bits less this.
template <size_t PerWord>
constexpr int kCodeShift = PerWord == 4 ? 128 : 0;

// y [T, 16] of T rows of x: a sum for each digit, row of x and four lanes of the tile.
template <size_t PerWord, size_t T>
inline void integer_rows(const PackedTile& tile, const GroupOfX* head, const int8_t* digits, size_t K, float* y,
                         size_t y_stride) {
  const size_t groups = K / tile.group, words = words_in(tile.group, PerWord);
  const size_t row = digits_of_row(K, tile.group, PerWord);
  V total[T][kParts];
  for (size_t t = 0; t < T; ++t) {
    for (size_t p = 0; p < kParts; ++p) total[t][p] = V::zero();
  }
  const auto* word = reinterpret_cast<const uint8_t*>(tile.words);
  for (size_t g = 0; g < groups; ++g) {
    int32x4_t sum[T][kDigits][kParts];
    for (size_t t = 0; t < T; ++t) {
      for (size_t d = 0; d < kDigits; ++d) {
        for (size_t p = 0; p < kParts; ++p) sum[t][d][p] = vdupq_n_s32(0);
      }
    }
    for (size_t k = 0; k < words; ++k, word += kTileRows * 4, digits += kDigits * PerWord) {
      for (size_t p = 0; p < kParts; ++p) {
        const uint8x16_t codes = vld1q_u8(word + p * 16);
        if constexpr (PerWord == 8) {
          const int8x16_t first = vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(15)));
          const int8x16_t second = vreinterpretq_s8_u8(vshrq_n_u8(codes, 4));
          for (size_t t = 0; t < T; ++t) {
            for (size_t d = 0; d < kDigits; ++d) {
              const int8x8_t of = vld1_s8(digits + t * row + d * 8);
              sum[t][d][p] = vdotq_lane_s32(vdotq_lane_s32(sum[t][d][p], first, of, 0), second, of, 1);
            }
          }
        } else {
          const int8x16_t code = vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(kCodeShift<PerWord>)));
          for (size_t t = 0; t < T; ++t) {
            for (size_t d = 0; d < kDigits; ++d) {
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
        const GroupOfX& of = head[t * groups + g];
        V value[kDigits];
        for (size_t d = 0; d < kDigits; ++d) {
          value[d] = {vcvtq_f32_s32(vmlsq_n_s32(sum[t][d][p], zero, of.sums[d]))};
        }
        const V sum_of_digits = fma(fma(value[2], V::all(128), value[1]), V::all(128), value[0]);
        total[t][p] = fma(scale * V::all(of.unit), sum_of_digits, total[t][p]);
      }
    }
  }
  for (size_t t = 0; t < T; ++t) {
    for (size_t p = 0; p < kParts; ++p) total[t][p].store(y + t * y_stride + p * V::width);
  }
}

// Two rows of x at a time: their 24 sums and the codes fill the registers.
template <size_t PerWord>
void integer_few(const PackedTile& tile, const GroupOfX* head, const int8_t* digits, size_t T, size_t K, float* y,
                 size_t y_stride) {
  const size_t groups = K / tile.group, row = digits_of_row(K, tile.group, PerWord);
  size_t t = 0;
  for (; t + 2 <= T; t += 2) {
    integer_rows<PerWord, 2>(tile, head + t * groups, digits + t * row, K, y + t * y_stride, y_stride);
  }
  if (t < T) integer_rows<PerWord, 1>(tile, head + t * groups, digits + t * row, K, y + t * y_stride, y_stride);
}

void packed_few_integer(const PackedTile& tile, const float*, const void* prepared, size_t T, size_t K, float* y,
                        size_t y_stride) {
  const auto* head = static_cast<const GroupOfX*>(prepared);
  const auto* digits = static_cast<const int8_t*>(prepared) + heads_size(T, K / tile.group);
  if (tile.per_word == 8) integer_few<8>(tile, head, digits, T, K, y, y_stride);
  else integer_few<4>(tile, head, digits, T, K, y, y_stride);
}

}  // namespace
}  // namespace salient
#endif
