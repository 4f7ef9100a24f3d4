// Few rows of x times packed weights by integer products (VNNI): four codes a lane and instruction, see
// loops_packed_digits.h.
#pragma once

#if defined(__AVX512BF16__)
#define SALIENT_VNNI __attribute__((target("avx512vnni")))

namespace salient {
namespace {

constexpr size_t kAhead = 2048;  // bytes of a weight asked for before they are needed

SALIENT_VNNI inline __m512i add_products(__m512i sum, __m512i codes, const int8_t* digits) {
  int32_t four;
  std::memcpy(&four, digits, 4);
  return _mm512_dpbusd_epi32(sum, codes, _mm512_set1_epi32(four));
}

template <size_t PerWord, size_t T>
SALIENT_VNNI inline void integer_rows(const PackedTile& tile, const GroupOfX* head, const int8_t* digits, size_t K,
                                      float* y, size_t y_stride) {
  const size_t groups = K / tile.group, words = words_in(tile.group, PerWord);
  const size_t row = digits_of_row(K, tile.group, PerWord);
  // Two sums of each digit, for the two halves of the bytes, hide the latency of a single row.
  constexpr size_t kHalves = T == 1 && PerWord == 8 ? 2 : 1;
  const __m512i low_half = _mm512_set1_epi8(15);
  V total[T];
  for (size_t t = 0; t < T; ++t) total[t] = V::zero();
  const uint32_t* word = tile.words;
  for (size_t g = 0; g < groups; ++g) {
    __m512i sum[T][kDigits][kHalves];
    for (size_t t = 0; t < T; ++t) {
      for (size_t d = 0; d < kDigits; ++d) {
        for (size_t h = 0; h < kHalves; ++h) sum[t][d][h] = _mm512_setzero_si512();
      }
    }
    for (size_t k = 0; k < words; ++k, word += kTileRows, digits += kDigits * PerWord) {
      const __m512i codes = _mm512_loadu_si512(word);
      _mm_prefetch(reinterpret_cast<const char*>(word) + kAhead, _MM_HINT_T0);
      if constexpr (PerWord == 8) {
        const __m512i first = _mm512_and_si512(codes, low_half);
        const __m512i second = _mm512_and_si512(_mm512_srli_epi16(codes, 4), low_half);
        for (size_t t = 0; t < T; ++t) {
          for (size_t d = 0; d < kDigits; ++d) {
            const int8_t* at = digits + t * row + d * PerWord;
            sum[t][d][0] = add_products(sum[t][d][0], first, at);
            sum[t][d][kHalves - 1] = add_products(sum[t][d][kHalves - 1], second, at + 4);
          }
        }
      } else {
        for (size_t t = 0; t < T; ++t) {
          for (size_t d = 0; d < kDigits; ++d) {
            sum[t][d][0] = add_products(sum[t][d][0], codes, digits + t * row + d * PerWord);
          }
        }
      }
    }
    const V scale = packed_scales(tile, g * kTileRows);
    const __m512i zero = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tile.zeros + g * kTileRows)));
    for (size_t t = 0; t < T; ++t) {
      const GroupOfX& of = head[t * groups + g];
      V value[kDigits];
      for (size_t d = 0; d < kDigits; ++d) {
        __m512i all = sum[t][d][0];
        if constexpr (kHalves == 2) all = _mm512_add_epi32(all, sum[t][d][1]);
        all = _mm512_sub_epi32(all, _mm512_mullo_epi32(zero, _mm512_set1_epi32(of.sums[d])));
        value[d] = {_mm512_cvtepi32_ps(all)};
      }
      const V sum_of_digits = fma(fma(value[2], V::all(128), value[1]), V::all(128), value[0]);
      total[t] = fma(scale * V::all(of.unit), sum_of_digits, total[t]);
    }
  }
  for (size_t t = 0; t < T; ++t) total[t].store(y + t * y_stride);
}

template <size_t PerWord>
SALIENT_VNNI void integer_few(const PackedTile& tile, const GroupOfX* head, const int8_t* digits, size_t T, size_t K,
                              float* y, size_t y_stride) {
  const size_t groups = K / tile.group, row = digits_of_row(K, tile.group, PerWord);
  for (size_t t = 0; t < T; t += 4) {
    const GroupOfX* h = head + t * groups;
    const int8_t* d = digits + t * row;
    float* out = y + t * y_stride;
    switch (T - t) {
      case 1: integer_rows<PerWord, 1>(tile, h, d, K, out, y_stride); break;
      case 2: integer_rows<PerWord, 2>(tile, h, d, K, out, y_stride); break;
      case 3: integer_rows<PerWord, 3>(tile, h, d, K, out, y_stride); break;
      default: integer_rows<PerWord, 4>(tile, h, d, K, out, y_stride); break;
    }
  }
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
