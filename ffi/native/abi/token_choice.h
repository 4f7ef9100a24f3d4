// How the next token is chosen: what the kernels of both libraries share (see core/choose_token.ts, which defines it).
#pragma once

#include <cstddef>
#include <cstdint>

namespace salient {

struct TokenChoice {
  double temperature;  // 0: the likeliest
  uint32_t top_k;      // 0: all
  double top_p;
};

// What the likeliest token weighs, as a whole number; so sums of weights are exact, and in fp64 too.
constexpr double kTokenUnit = 2147483648.0;
// A weight below this power of e rounds to 0.
constexpr double kLeastPower = -22.2;
constexpr size_t kMostLogits = size_t{1} << 22;

// tokens [T]: of each row of logits [T, V] the token that random[t] in [0, 1) falls on, -1 where a logit is NaN or infinite
// and not -infinity, or none is finite. random and tokens are memory of the host.
void choose_tokens(const float* logits, size_t T, size_t V, const TokenChoice& choice, const double* random, int32_t* tokens);

}  // namespace salient
