// Packed weights: tiles of 16 rows, a row in each lane, codes of 4 or 8 bits in 32-bit words.
#pragma once

namespace salient {
namespace {

constexpr size_t kParts = kTileRows / V::width;  // vectors that make a tile's 16 lanes
constexpr size_t kFewAtOnce = V::sums / 2 / kParts < 1 ? 1 : V::sums / 2 / kParts;

// Half of the range of codes.
template <size_t Bits>
constexpr float kMiddle = static_cast<float>(1 << (Bits - 1));

// The codes at `shift` of V::width words, less kMiddle (so that sums of them stay small). Bits is 4 or 8.
template <size_t Bits>
inline V codes_of(const uint32_t* words, uint32_t shift) {
#if defined(__AVX512F__)
  const __m512i right = _mm512_srl_epi32(_mm512_loadu_si512(words), _mm_cvtsi32_si128(static_cast<int>(shift)));
  if constexpr (Bits == 4) {
    // The permutation looks at four bits of each lane only, so it is a mask and a conversion in one.
    const __m512 table = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    return {_mm512_permutexvar_ps(right, table)};
  } else {
    return V{_mm512_cvtepi32_ps(_mm512_and_si512(right, _mm512_set1_epi32(255)))} - V::all(kMiddle<Bits>);
  }
#elif defined(__AVX2__)
  const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
  const __m256i right = _mm256_srl_epi32(w, _mm_cvtsi32_si128(static_cast<int>(shift)));
  return V{_mm256_cvtepi32_ps(_mm256_and_si256(right, _mm256_set1_epi32((1 << Bits) - 1)))} - V::all(kMiddle<Bits>);
#elif defined(SALIENT_NEON)
  // Shifted as the compiler's own vector, which takes a shift that is known from the instruction.
  const uint32x4_t right = vld1q_u32(words) >> shift;
  return V{vcvtq_f32_u32(vandq_u32(right, vdupq_n_u32((1u << Bits) - 1)))} - V::all(kMiddle<Bits>);
#else
  FourInts w;
  std::memcpy(&w, words, sizeof(w));
  constexpr int32_t mask = (1 << Bits) - 1;
  const FourInts codes = (w >> static_cast<int>(shift)) & FourInts{mask, mask, mask, mask};
  return V{__builtin_convertvector(codes, Four)} - V::all(kMiddle<Bits>);
#endif
}

inline V packed_scales(const PackedTile& tile, size_t at) {
  switch (tile.scale) {
    case DType::F16: return V::load_f16(static_cast<const uint16_t*>(tile.scales) + at);
    case DType::BF16: return V::load_bf16(static_cast<const uint16_t*>(tile.scales) + at);
    default: return V::load(static_cast<const float*>(tile.scales) + at);
  }
}

// y [T, 16] of T rows of x, whose sums are sums_stride apart. Chains: sums kept apart for each code of a word, to hide the latency.
template <size_t Bits, size_t T>
inline void packed_rows(const PackedTile& tile, const float* x, size_t K, const float* sums,
                        size_t sums_stride, float* y, size_t y_stride) {
  constexpr size_t kPerWord = 32 / Bits;
  constexpr size_t kChains = T * kParts >= 4 ? 1 : T * kParts == 2 ? 2 : 4;
  const size_t groups = K / tile.group, words = (tile.group + kPerWord - 1) / kPerWord;
  V total[T][kParts];
  for (size_t t = 0; t < T; ++t) {
    for (size_t p = 0; p < kParts; ++p) total[t][p] = V::zero();
  }
  const uint32_t* word = tile.words;
  for (size_t g = 0; g < groups; ++g) {
    V sum[kChains][T][kParts];
    for (size_t c = 0; c < kChains; ++c) {
      for (size_t t = 0; t < T; ++t) {
        for (size_t p = 0; p < kParts; ++p) sum[c][t][p] = V::zero();
      }
    }
    const float* in = x + g * tile.group;
    for (size_t k = 0; k < words; ++k, word += kTileRows, in += kPerWord) {
      const auto step = [&](size_t i) __attribute__((always_inline)) {
        for (size_t p = 0; p < kParts; ++p) {
          const V code = codes_of<Bits>(word + p * V::width, packed_shift(i, kPerWord));
          for (size_t t = 0; t < T; ++t) {
            V& s = sum[i % kChains][t][p];
            s = fma(code, V::all(in[t * K + i]), s);
          }
        }
      };
      if ((k + 1) * kPerWord <= tile.group) {
#pragma GCC unroll 8
        for (size_t i = 0; i < kPerWord; ++i) step(i);
      } else {
        for (size_t i = 0; i < tile.group - k * kPerWord; ++i) {
          for (size_t p = 0; p < kParts; ++p) {
            const V code = codes_of<Bits>(word + p * V::width, packed_shift(i, kPerWord));
            for (size_t t = 0; t < T; ++t) sum[0][t][p] = fma(code, V::all(in[t * K + i]), sum[0][t][p]);
          }
        }
      }
    }
    for (size_t p = 0; p < kParts; ++p) {
      const size_t at = g * kTileRows + p * V::width;
      const V scale = packed_scales(tile, at), zero = V::load_u8(tile.zeros + at) - V::all(kMiddle<Bits>);
      for (size_t t = 0; t < T; ++t) {
        V s = sum[0][t][p];
        for (size_t c = 1; c < kChains; ++c) s = s + sum[c][t][p];
        total[t][p] = fma(scale, s - zero * V::all(sums[t * sums_stride + g]), total[t][p]);
      }
    }
  }
  for (size_t t = 0; t < T; ++t) {
    for (size_t p = 0; p < kParts; ++p) total[t][p].store(y + t * y_stride + p * V::width);
  }
}

template <size_t Bits, size_t T>
inline void packed_rows_of(size_t rows, const PackedTile& tile, const float* x, size_t K, const float* sums,
                           size_t sums_stride, float* y, size_t y_stride) {
  if (rows == T) {
    packed_rows<Bits, T>(tile, x, K, sums, sums_stride, y, y_stride);
  } else if constexpr (T > 1) {
    packed_rows_of<Bits, T - 1>(rows, tile, x, K, sums, sums_stride, y, y_stride);
  }
}

// Prepared: the sum of x over each group, [groups].
inline size_t sums_size(size_t K, size_t group, size_t) { return (K / group * sizeof(float) + 63) / 64 * 64; }

inline void prepare_sums(const float* x, size_t K, size_t group, size_t, void* prepared) {
  auto* sums = static_cast<float*>(prepared);
  for (size_t i = 0; i < K / group; ++i, x += group) {
    V sum = V::zero();
    size_t k = 0;
    for (; k + V::width <= group; k += V::width) sum = sum + V::load(x + k);
    if (k < group) sum = sum + V::load_part(x + k, group - k, 0);
    sums[i] = sum.sum();
  }
}

inline void packed_few(const PackedTile& first, size_t tiles, const float* x, const void* prepared, size_t T, size_t K,
                       float* y, size_t y_stride) {
  const size_t stride = sums_size(K, first.group, first.per_word) / sizeof(float);
  for (size_t i = 0; i < tiles; ++i) {
    const PackedTile tile = tile_after(first, i);
    for (size_t t = 0; t < T; t += kFewAtOnce) {
      const size_t rows = least(kFewAtOnce, T - t);
      const float* sum = static_cast<const float*>(prepared) + t * stride;
      float* out = y + t * y_stride + i * kTileRows;
      if (tile.per_word == 8) {
        packed_rows_of<4, kFewAtOnce>(rows, tile, x + t * K, K, sum, stride, out, y_stride);
      } else {
        packed_rows_of<8, kFewAtOnce>(rows, tile, x + t * K, K, sum, stride, out, y_stride);
      }
    }
  }
}

void packed_decode(const PackedTile& tile, size_t begin, size_t depth, float* out) {
  const size_t words = (tile.group + tile.per_word - 1) / tile.per_word;
  const uint32_t bits = static_cast<uint32_t>(32 / tile.per_word);
  const float middle = bits == 4 ? kMiddle<4> : kMiddle<8>;
  V scale[kParts], zero[kParts];
  for (size_t p = 0; p < kParts; ++p) scale[p] = zero[p] = V::zero();
  size_t loaded = static_cast<size_t>(-1);
  for (size_t k = 0; k < depth; ++k) {
    const size_t group = (begin + k) / tile.group, within = (begin + k) % tile.group;
    if (group != loaded) {
      for (size_t p = 0; p < kParts; ++p) {
        const size_t at = group * kTileRows + p * V::width;
        scale[p] = packed_scales(tile, at);
        zero[p] = V::load_u8(tile.zeros + at) - V::all(middle);
      }
      loaded = group;
    }
    const uint32_t* word = tile.words + (group * words + within / tile.per_word) * kTileRows;
    const uint32_t shift = packed_shift(within % tile.per_word, tile.per_word);
    for (size_t p = 0; p < kParts; ++p) {
      const V code = bits == 4 ? codes_of<4>(word + p * V::width, shift) : codes_of<8>(word + p * V::width, shift);
      const size_t lane = p * V::width;
      float* at = kPanel >= kTileRows ? out + k * kPanel + lane
                                      : out + lane / kPanel * depth * kPanel + k * kPanel + lane % kPanel;
      ((code - zero[p]) * scale[p]).store(at);
    }
  }
}

}  // namespace
}  // namespace salient
