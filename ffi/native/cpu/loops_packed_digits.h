// What integer products of packed weights need of x.
//
// x is written as three signed digits to the base 128, relative to the largest of its group: 21 bits and a
// sign, about what fp32 sums keep. Products of codes and digits are then summed exactly.
#pragma once

#if defined(SALIENT_DIGITS)

namespace salient {
namespace {

constexpr size_t kDigits = 3;
constexpr float kLargestDigits = 127.0f * 128 * 128;

// Of one group of one row of x.
struct GroupOfX {
  float unit;             // x is unit * (its digits' value)
  int32_t sums[kDigits];  // of each digit, over the group
};

// Prepared: GroupOfX [T][groups], then digits [T][groups][words][kDigits][per_word].
inline size_t words_in(size_t group, size_t per_word) { return (group + per_word - 1) / per_word; }
inline size_t digits_of_row(size_t K, size_t group, size_t per_word) {
  return K / group * words_in(group, per_word) * kDigits * per_word;
}
inline size_t heads_size(size_t T, size_t groups) { return (T * groups * sizeof(GroupOfX) + 63) / 64 * 64; }

size_t digits_size(size_t T, size_t K, size_t group, size_t per_word) {
  return heads_size(T, K / group) + T * digits_of_row(K, group, per_word);
}

void prepare_digits(const float* x, size_t T, size_t K, size_t group, size_t per_word, void* prepared) {
  const size_t groups = K / group, words = words_in(group, per_word);
  auto* head = static_cast<GroupOfX*>(prepared);
  auto* digits = static_cast<int8_t*>(prepared) + heads_size(T, groups);
  for (size_t i = 0; i < T * groups; ++i, ++head, x += group, digits += words * kDigits * per_word) {
    const float top = largest_magnitude(x, group);
    std::memset(digits, 0, words * kDigits * per_word);
    *head = GroupOfX{top / kLargestDigits, {0, 0, 0}};
    bool finite = top <= 3.4e38f;
    for (size_t k = 0; k < group; k += V::width) {
      const size_t count = least(V::width, group - k);
      int32_t whole[V::width];
      const V part = V::load_part(x + k, count, 0);
      finite = finite && !part.any_nan();
      const V ratio = top > 0 ? part / V::all(top) : V::zero();
      (ratio * V::all(kLargestDigits)).store_whole(whole);
      for (size_t j = 0; j < count; ++j) {
        const int32_t high = (whole[j] + 8192) >> 14, rest = whole[j] - high * 16384;
        const int32_t middle = (rest + 64) >> 7, low = rest - middle * 128;
        int8_t* at = digits + (k + j) / per_word * kDigits * per_word + (k + j) % per_word;
        at[0] = static_cast<int8_t>(low);
        at[per_word] = static_cast<int8_t>(middle);
        at[2 * per_word] = static_cast<int8_t>(high);
        head->sums[0] += low;
        head->sums[1] += middle;
        head->sums[2] += high;
      }
    }
    if (!finite) head->unit = float_of(0x7fc00000u);  // and with it the outputs
  }
}

}  // namespace
}  // namespace salient
#endif
