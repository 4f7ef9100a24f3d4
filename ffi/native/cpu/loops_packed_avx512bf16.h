// Few rows of x times packed weights by integer products (VNNI): four codes a lane and instruction, see
// loops_packed_digits.h.
#pragma once

#if defined(__AVX512BF16__)
#define SALIENT_VNNI __attribute__((target("avx512vnni")))

namespace salient {
namespace {

// A weight comes from memory faster if the tiles that are next are asked for, into the second cache: the first
// one has too few buffers for lines under way. Of long tiles, so many bytes ahead.
constexpr size_t kFarthest = 256 << 10;

SALIENT_VNNI inline __m512i add_products(__m512i sum, __m512i codes, const int8_t* digits) {
  int32_t four;
  std::memcpy(&four, digits, 4);
  return _mm512_dpbusd_epi32(sum, codes, _mm512_set1_epi32(four));
}

// The sum of (code - zero) * x from the sums of code * x and of x.
inline V without_zero(__m512i sum, __m512i zero, int32_t sum_of_x) {
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(sum, _mm512_mullo_epi32(zero, _mm512_set1_epi32(sum_of_x))))};
}

// y [T, Tiles * 16] of T rows of x, `row` bytes of what is prepared each. D digits.
template <size_t PerWord, size_t D, size_t T, size_t Tiles>
SALIENT_VNNI inline void integer_rows(const PackedTile& tile, const char* prepared, size_t row, size_t K, float* y,
                                      size_t y_stride) {
  const size_t ahead = least(Tiles * tile.bytes, kFarthest);
  const size_t groups = K / tile.group, words = words_in(tile.group, PerWord);
  const auto* head = reinterpret_cast<const GroupOfX*>(prepared);
  const auto* digits = reinterpret_cast<const int8_t*>(prepared) + heads_size(groups);
  const __m512i low_half = _mm512_set1_epi8(15);
  V total[T][Tiles];
  for (size_t t = 0; t < T; ++t) {
    for (size_t i = 0; i < Tiles; ++i) total[t][i] = V::zero();
  }
  const char* word = reinterpret_cast<const char*>(tile.words);
  for (size_t g = 0; g < groups; ++g) {
    __m512i sum[T][Tiles][D];
    for (size_t t = 0; t < T; ++t) {
      for (size_t i = 0; i < Tiles; ++i) {
        for (size_t d = 0; d < D; ++d) sum[t][i][d] = _mm512_setzero_si512();
      }
    }
    for (size_t k = 0; k < words; ++k, word += kTileRows * sizeof(uint32_t), digits += D * PerWord) {
      for (size_t i = 0; i < Tiles; ++i) {
        const __m512i codes = _mm512_loadu_si512(word + i * tile.bytes);
        _mm_prefetch(word + i * tile.bytes + ahead, _MM_HINT_T1);
        if constexpr (PerWord == 8) {
          const __m512i first = _mm512_and_si512(codes, low_half);
          const __m512i second = _mm512_and_si512(_mm512_srli_epi16(codes, 4), low_half);
          for (size_t t = 0; t < T; ++t) {
            const int8_t* at = digits + t * row;
            for (size_t d = 0; d < D; ++d) sum[t][i][d] = add_products(sum[t][i][d], first, at + d * 8);
            for (size_t d = 0; d < D; ++d) sum[t][i][d] = add_products(sum[t][i][d], second, at + d * 8 + 4);
          }
        } else {
          for (size_t t = 0; t < T; ++t) {
            for (size_t d = 0; d < D; ++d) sum[t][i][d] = add_products(sum[t][i][d], codes, digits + t * row + d * 4);
          }
        }
      }
    }
    for (size_t i = 0; i < Tiles; ++i) {
      const PackedTile of_tile = tile_after(tile, i);
      const V scale = packed_scales(of_tile, g * kTileRows);
      const uint8_t* zeros = of_tile.zeros + g * kTileRows;
      const __m512i zero = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(zeros)));
      for (size_t t = 0; t < T; ++t) {
        const GroupOfX& of = reinterpret_cast<const GroupOfX*>(reinterpret_cast<const char*>(head) + t * row)[g];
        const __m512i* s = sum[t][i];
        V value;
        if constexpr (D == 2) {
          value = without_zero(_mm512_add_epi32(_mm512_slli_epi32(s[1], 8), s[0]), zero, of.sums[0]);
        } else {
          value = without_zero(s[2], zero, of.sums[2]);
          value = fma(value, V::all(256), without_zero(s[1], zero, of.sums[1]));
          value = fma(value, V::all(256), without_zero(s[0], zero, of.sums[0]));
        }
        total[t][i] = fma(scale * V::all(of.unit), value, total[t][i]);
      }
    }
  }
  for (size_t t = 0; t < T; ++t) {
    for (size_t i = 0; i < Tiles; ++i) total[t][i].store(y + t * y_stride + i * kTileRows);
  }
}

// T rows of x, or fewer: tiles in blocks whose sums fill half of the registers.
template <size_t PerWord, size_t D, size_t T>
SALIENT_VNNI void integer_tiles(size_t rows, const PackedTile& first, size_t tiles, const char* prepared, size_t row,
                                size_t K, float* y, size_t y_stride) {
  if constexpr (T > 1) {
    if (rows < T) return integer_tiles<PerWord, D, T - 1>(rows, first, tiles, prepared, row, K, y, y_stride);
  }
  constexpr size_t kTiles = T == 1 ? 4 : T * D <= 8 ? 8 / (T * D) : 1;
  size_t i = 0;
  for (; i + kTiles <= tiles; i += kTiles) {
    integer_rows<PerWord, D, T, kTiles>(tile_after(first, i), prepared, row, K, y + i * kTileRows, y_stride);
  }
  for (; i < tiles; ++i) {
    integer_rows<PerWord, D, T, 1>(tile_after(first, i), prepared, row, K, y + i * kTileRows, y_stride);
  }
}

template <size_t PerWord, size_t D>
SALIENT_VNNI void integer_few(const PackedTile& first, size_t tiles, const char* prepared, size_t T, size_t K, float* y,
                              size_t y_stride) {
  constexpr size_t kRows = D == 2 ? 8 : 4;
  const size_t row = digits_size(K, first.group, PerWord);
  for (size_t t = 0; t < T; t += kRows) {
    integer_tiles<PerWord, D, kRows>(least(kRows, T - t), first, tiles, prepared + t * row, row, K, y + t * y_stride,
                                     y_stride);
  }
}

void packed_few_integer(const PackedTile& first, size_t tiles, const float*, const void* prepared, size_t T, size_t K,
                        float* y, size_t y_stride) {
  const bool two = digits_for(first.group) == 2;
  const auto* p = static_cast<const char*>(prepared);
  if (first.per_word == 8) (two ? integer_few<8, 2> : integer_few<8, 3>)(first, tiles, p, T, K, y, y_stride);
  else (two ? integer_few<4, 2> : integer_few<4, 3>)(first, tiles, p, T, K, y, y_stride);
}

}  // namespace
}  // namespace salient
#endif
