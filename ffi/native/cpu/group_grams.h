// The Grams of single groups, for searches that look at a group many times.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "scratch.h"

namespace salient {

// Groups up to this size are measured through a Gram even where a sample is given.
constexpr size_t kGramGroup = 512;

inline bool wants_group_grams(const Moment& moment, size_t g, size_t K) {
  return moment.tokens && g <= kGramGroup && g < K;
}

// grams [G][g][g]: the Gram of each group's columns of the sample.
inline void group_grams(const Moment& sample, size_t g, size_t K, float* grams) {
  parallel_for(K / g, 1, [&](size_t begin, size_t end) {
    Scratch room(Scratch::room_for<float>(sample.rows * g));
    float* columns = room.take<float>(sample.rows * g);
    for (size_t i = begin; i < end; ++i) {
      for (size_t t = 0; t < sample.rows; ++t) {
        std::memcpy(columns + t * g, sample.data + t * K + i * g, g * sizeof(float));
      }
      std::fill(grams + i * g * g, grams + (i + 1) * g * g, 0.0f);
      accumulate_gram(columns, grams + i * g * g, sample.rows, g);
    }
  });
}

}  // namespace salient
