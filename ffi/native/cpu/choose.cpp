// The choice of tokens. No sorting: the least weight that is kept is found digit by digit.
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "kernels.h"
#include "token_choice.h"

namespace salient {
namespace {

// Bits of a float as a whole number with the same order; NaN is beyond both infinities.
int32_t key_of(float value) {
  const int32_t bits = std::bit_cast<int32_t>(value);
  return bits ^ (bits >> 31 & 0x7fffffff);
}

// The first of the largest logits; -1 where there is none to choose.
int32_t likeliest(const float* logits, size_t V) {
  const int32_t infinity = key_of(INFINITY);
  int32_t high = key_of(-INFINITY), low = infinity;
  for (size_t i = 0; i < V; i++) {
    const int32_t key = key_of(logits[i]);
    high = key > high ? key : high;
    low = key < low ? key : low;
  }
  if (high >= infinity || low < key_of(-INFINITY) || high == key_of(-INFINITY)) return -1;
  const int32_t bits = high ^ (high >> 31 & 0x7fffffff);
  const float largest = std::bit_cast<float>(bits);
  size_t i = 0;
  while (logits[i] != largest) i++;  // 0 and -0 are equal
  return static_cast<int32_t>(i);
}

struct Selected {
  uint32_t weight;
  uint64_t above;  // amount of the larger ones
};

// The largest weight that with all larger ones amounts to `target`, 0 where all together do not. A weight amounts to
// itself, or, where `counted`, to 1.
Selected select(const std::vector<uint32_t>& weights, bool counted, double target) {
  uint32_t prefix = 0, mask = 0;
  uint64_t above = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    uint64_t amounts[256] = {};
    for (const uint32_t weight : weights) {
      if ((weight & mask) == prefix) amounts[weight >> shift & 255] += counted ? 1 : weight;
    }
    uint32_t digit = 255;
    while (digit > 0 && static_cast<double>(above + amounts[digit]) < target) above += amounts[digit--];
    prefix |= digit << shift;
    mask |= 255u << shift;
  }
  return {prefix, above};
}

uint32_t least_kept(const std::vector<uint32_t>& weights, const TokenChoice& choice) {
  const bool all = choice.top_k == 0 || choice.top_k >= weights.size();
  Selected last{0, 0};
  if (!all) last = select(weights, true, choice.top_k);
  if (choice.top_p == 1) return last.weight;
  uint64_t total = 0;
  for (const uint32_t weight : weights) total += weight > last.weight ? weight : 0;
  if (!all) total += (choice.top_k - last.above) * last.weight;
  return std::max(last.weight, select(weights, false, choice.top_p * static_cast<double>(total)).weight);
}

int32_t choose(const float* logits, size_t V, const TokenChoice& choice, double random) {
  const int32_t best = likeliest(logits, V);
  if (best < 0 || choice.temperature == 0) return best;
  const double largest = logits[best];
  std::vector<uint32_t> weights(V);
  for (size_t i = 0; i < V; i++) {
    const double power = (logits[i] - largest) / choice.temperature;
    weights[i] = power < kLeastPower ? 0 : static_cast<uint32_t>(std::exp(power) * kTokenUnit + 0.5);
  }
  const uint32_t least = least_kept(weights, choice);
  uint64_t total = 0;
  for (const uint32_t weight : weights) total += weight >= least ? weight : 0;
  const uint64_t place = std::min(static_cast<uint64_t>(random * static_cast<double>(total)), total - 1);
  uint64_t sum = 0;
  for (size_t i = 0;; i++) {
    sum += weights[i] >= least ? weights[i] : 0;
    if (sum > place) return static_cast<int32_t>(i);
  }
}

}  // namespace

void choose_tokens(const float* logits, size_t T, size_t V, const TokenChoice& choice, const double* random,
                   int32_t* tokens) {
  parallel_for(T, 1, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; t++) tokens[t] = choose(logits + t * V, V, choice, random[t]);
  });
}

}  // namespace salient
