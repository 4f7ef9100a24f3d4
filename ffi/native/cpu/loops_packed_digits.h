// What integer products of packed weights need of x.
//
// x is written as signed digits to the base 256, relative to the largest of its group, and products of codes and
// digits are then summed exactly. Two digits, 16 bits, for groups of up to kTwoDigits inputs: rounding then moves
// a group's part of the output by 1e-4 of its size at most (root mean square, of one input that towers over the
// others; 2e-5 where they are alike). Three digits, as much as fp32 sums keep, for longer groups.
#pragma once

#if defined(SALIENT_DIGITS)

namespace salient {
namespace {

constexpr size_t kTwoDigits = 128;
constexpr size_t kMostDigits = 3;
// The largest number of two and of three digits, the highest of which is 127.
constexpr float kLargest[kMostDigits + 1] = {0, 0, 127 * 256 + 127, (127 * 256 + 127) * 256 + 127};

// Of one group of one row of x.
struct GroupOfX {
  float unit;                 // x is unit * (its digits' value)
  int32_t sums[kMostDigits];  // over the group, of each of three digits; first, of the values of two
};

// Prepared: GroupOfX [groups], then digits [groups][words][digits][per_word].
inline size_t digits_for(size_t group) { return group <= kTwoDigits ? 2 : 3; }
inline size_t words_in(size_t group, size_t per_word) { return (group + per_word - 1) / per_word; }
inline size_t heads_size(size_t groups) { return (groups * sizeof(GroupOfX) + 63) / 64 * 64; }

size_t digits_size(size_t K, size_t group, size_t per_word) {
  const size_t groups = K / group;
  return heads_size(groups) + (groups * words_in(group, per_word) * digits_for(group) * per_word + 63) / 64 * 64;
}

// One group: digits [words][D][PerWord].
template <size_t D, size_t PerWord>
inline void write_digits(const float* x, size_t group, GroupOfX* head, int8_t* digits) {
  constexpr size_t kPiece = PerWord < V::width ? PerWord : V::width;
  const float top = largest_magnitude(x, group);
  bool finite = top <= 3.4e38f;
  int32_t sums[V::width][D] = {};
  const size_t slots = words_in(group, PerWord) * PerWord;
  for (size_t k = 0; k < slots; k += V::width) {
    const V part = k + V::width <= group ? V::load(x + k) : V::load_part(x + k, k < group ? group - k : 0, 0);
    finite = finite && !part.any_nan();
    const V ratio = top > 0 ? part / V::all(top) : V::zero();
    int32_t rest[V::width];
    (ratio * V::all(kLargest[D])).store_whole(rest);
    int8_t digit[D][V::width];
    for (size_t d = 0; d < D; ++d) {
      for (size_t j = 0; j < V::width; ++j) {
        const int32_t higher = (rest[j] + 128) >> 8, low = rest[j] - higher * 256;
        digit[d][j] = static_cast<int8_t>(low);
        sums[j][d] += low;
        rest[j] = higher;
      }
    }
    for (size_t j = 0; j < V::width && k + j < slots; j += kPiece) {
      int8_t* word = digits + (k + j) / PerWord * D * PerWord + (k + j) % PerWord;
      for (size_t d = 0; d < D; ++d) std::memcpy(word + d * PerWord, digit[d] + j, kPiece);
    }
  }
  int32_t total[kMostDigits] = {};
  for (size_t d = 0; d < D; ++d) {
    for (size_t j = 0; j < V::width; ++j) total[d] += sums[j][d];
  }
  // A unit that is no number makes such outputs.
  head->unit = finite ? top / kLargest[D] : float_of(0x7fc00000u);
  head->sums[0] = D == 2 ? total[1] * 256 + total[0] : total[0];
  head->sums[1] = total[1];
  head->sums[2] = total[2];
}

template <size_t D, size_t PerWord>
void write_row(const float* x, size_t K, size_t group, void* prepared) {
  const size_t groups = K / group, size = words_in(group, PerWord) * D * PerWord;
  auto* head = static_cast<GroupOfX*>(prepared);
  auto* digits = static_cast<int8_t*>(prepared) + heads_size(groups);
  for (size_t g = 0; g < groups; ++g) write_digits<D, PerWord>(x + g * group, group, head + g, digits + g * size);
}

void prepare_digits(const float* x, size_t K, size_t group, size_t per_word, void* prepared) {
  const bool two = digits_for(group) == 2;
  if (per_word == 8) (two ? write_row<2, 8> : write_row<3, 8>)(x, K, group, prepared);
  else (two ? write_row<2, 4> : write_row<3, 4>)(x, K, group, prepared);
}

}  // namespace
}  // namespace salient
#endif
