// Sums of products of bytes without an instruction for them: as pairs of 16 bits (PMADDWD), which are exact. The
// instruction that multiplies bytes (PMADDUBSW) would saturate.
#pragma once

#if defined(__AVX2__) && !defined(__AVX512BF16__)
namespace salient {
namespace {

#if defined(__AVX512F__)
using IntegerLanes = __m512i;
inline IntegerLanes pairs_of(int32_t pair) { return _mm512_set1_epi32(pair); }
inline IntegerLanes even_codes(const uint8_t* p) {
  return _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(0x00ff00ff));
}
inline IntegerLanes odd_codes(const uint8_t* p) { return _mm512_srli_epi16(_mm512_loadu_si512(p), 8); }
inline IntegerLanes add_pairs(IntegerLanes sum, IntegerLanes a, IntegerLanes b) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}
inline V less(IntegerLanes sum, const int32_t* zeros, int32_t factor) {
  const __m512i product = _mm512_mullo_epi32(_mm512_loadu_si512(zeros), _mm512_set1_epi32(factor));
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(sum, product))};
}
#else
using IntegerLanes = __m256i;
inline IntegerLanes pairs_of(int32_t pair) { return _mm256_set1_epi32(pair); }
inline IntegerLanes load_codes(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline IntegerLanes even_codes(const uint8_t* p) {
  return _mm256_and_si256(load_codes(p), _mm256_set1_epi32(0x00ff00ff));
}
inline IntegerLanes odd_codes(const uint8_t* p) { return _mm256_srli_epi16(load_codes(p), 8); }
inline IntegerLanes add_pairs(IntegerLanes sum, IntegerLanes a, IntegerLanes b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
inline V less(IntegerLanes sum, const int32_t* zeros, int32_t factor) {
  const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(zeros));
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(sum, _mm256_mullo_epi32(all, _mm256_set1_epi32(factor))))};
}
#endif

struct IntegerSums {
#if defined(__AVX512F__)
  static constexpr size_t rows = 8, tiles = 2, few_rows = 3, few_tiles = 4;
#else
  static constexpr size_t rows = 4, tiles = 1, few_rows = 1, few_tiles = 2;
#endif
  static constexpr size_t word_bytes = 8;  // inputs 0 and 2, then 1 and 3, as 16 bits
  static constexpr int32_t shift = 0;
  struct Codes {
    IntegerLanes even, odd;
  };
  using Inputs = Codes;
  using Lanes = IntegerLanes;

  static Lanes zero() { return IntegerLanes{}; }
  static Codes codes(const uint8_t* words) { return {even_codes(words), odd_codes(words)}; }
  static Inputs inputs(const int8_t* four) {
    int32_t pairs[2];
    std::memcpy(pairs, four, 8);
    return {pairs_of(pairs[0]), pairs_of(pairs[1])};
  }
  static void put(const int8_t* four, int8_t* word) {
    const int16_t wide[4] = {four[0], four[2], four[1], four[3]};
    std::memcpy(word, wide, 8);
  }
  static Lanes add(Lanes lanes, const Codes& codes, const Inputs& four) {
    return add_pairs(add_pairs(lanes, codes.even, four.even), codes.odd, four.odd);
  }
  static V without(Lanes lanes, const int32_t* zeros, int32_t sum_of_x) { return less(lanes, zeros, sum_of_x); }
};

}  // namespace
}  // namespace salient
#endif
