// What the searches for clipping bounds and for ranges share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace salient {

constexpr size_t kMostBatches = 65535;

// `steps` factors from 1 down to 1 - max_shrink (exclusive).
inline std::vector<float> shrink_factors(uint32_t steps, float max_shrink) {
  std::vector<float> factors(std::max<uint32_t>(1, steps));
  for (size_t i = 0; i < factors.size(); i++) {
    factors[i] = static_cast<float>(1.0 - static_cast<double>(i) * max_shrink / static_cast<double>(factors.size()));
  }
  return factors;
}

}  // namespace salient
