// Sums of products of bytes by VNNI: codes as they are, inputs with their sign.
#pragma once

#if defined(__AVX512BF16__)
namespace salient {
namespace {

struct IntegerSums {
  static constexpr size_t rows = 12, tiles = 2, few_rows = 4, few_tiles = 4;
  static constexpr size_t word_bytes = 4;
  static constexpr int32_t shift = 0;
  using Lanes = __m512i;
  using Codes = __m512i;
  using Inputs = __m512i;

  SALIENT_VNNI static Lanes zero() { return _mm512_setzero_si512(); }
  SALIENT_VNNI static Codes codes(const uint8_t* words) { return _mm512_loadu_si512(words); }
  SALIENT_VNNI static Inputs inputs(const int8_t* four) {
    int32_t all;
    std::memcpy(&all, four, 4);
    return _mm512_set1_epi32(all);
  }
  static void put(const int8_t* four, int8_t* word) { std::memcpy(word, four, 4); }
  SALIENT_VNNI static Lanes add(Lanes lanes, Codes codes, Inputs four) {
    return _mm512_dpbusd_epi32(lanes, codes, four);
  }
  SALIENT_VNNI static V without(Lanes lanes, const int32_t* zeros, int32_t sum_of_x) {
    const __m512i product = _mm512_mullo_epi32(_mm512_loadu_si512(zeros), _mm512_set1_epi32(sum_of_x));
    return {_mm512_cvtepi32_ps(_mm512_sub_epi32(lanes, product))};
  }
};

}  // namespace
}  // namespace salient
#define SALIENT_INT8 SALIENT_VNNI
#endif
