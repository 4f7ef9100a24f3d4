// Exported functions: the choice of tokens.
#include <cmath>

#include "objects.h"
#include "token_choice.h"

using namespace salient;

int32_t salient_choose_tokens(uint32_t logits_handle, uint32_t top_k, const double* reals, const double* random,
                              uint32_t count, int32_t* tokens) {
  return guard([&] {
    check_buffer(reals, "temperature and top-p");
    const TensorRef logits = matrix_at(logits_handle, "logits", DType::F32);
    const size_t V = logits->columns();
    if (V == 0 || V > kMostLogits) fail(SALIENT_INVALID, "Rows of 1 to %zu logits can be chosen from, not %zu", kMostLogits, V);
    if (count != logits->rows()) {
      fail(SALIENT_INVALID, "%u random numbers were given for %zu rows", count, logits->rows());
    }
    const TokenChoice choice{reals[0], top_k, reals[1]};
    if (!(choice.temperature >= 0) || !std::isfinite(choice.temperature) || !(choice.top_p > 0 && choice.top_p <= 1)) {
      fail(SALIENT_INVALID, "The temperature must be finite and not negative, top-p above 0 and at most 1");
    }
    if (count == 0) return;
    check_buffer(random, "the random numbers");
    check_buffer(tokens, "the tokens");
    for (uint32_t t = 0; t < count; t++) {
      if (!(random[t] >= 0 && random[t] < 1)) fail(SALIENT_INVALID, "Random numbers must be from 0 to below 1");
    }
    choose_tokens(logits->f32(), logits->rows(), V, choice, random, tokens);
  });
}
