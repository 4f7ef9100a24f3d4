// Sums of products of bytes on AArch64: by SDOT, or as products of 16 bits added up in pairs.
#pragma once

#if defined(SALIENT_NEON)
namespace salient {
namespace {

struct IntegerSums {
  static constexpr size_t rows = 4, tiles = 1, few_rows = 1, few_tiles = 2;
  static constexpr size_t word_bytes = 4;
  static constexpr int32_t shift = 128;  // codes are made signed
  using Lanes = int32x4_t;
  using Codes = int8x16_t;
  using Inputs = int8x16_t;

  static Lanes zero() { return vdupq_n_s32(0); }
  static Codes codes(const uint8_t* words) { return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(words), vdupq_n_u8(128))); }
  static Inputs inputs(const int8_t* four) {
    int32_t all;
    std::memcpy(&all, four, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(all));
  }
  static void put(const int8_t* four, int8_t* word) { std::memcpy(word, four, 4); }
  static Lanes add(Lanes lanes, Codes codes, Inputs four) {
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(lanes, codes, four);
#else
    const int16x8_t low = vmull_s8(vget_low_s8(codes), vget_low_s8(four));
    const int16x8_t high = vmull_high_s8(codes, four);
    return vaddq_s32(lanes, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
  }
  static V without(Lanes lanes, const int32_t* zeros, int32_t sum_of_x) {
    return {vcvtq_f32_s32(vmlsq_n_s32(lanes, vld1q_s32(zeros), sum_of_x))};
  }
};

}  // namespace
}  // namespace salient
#endif
