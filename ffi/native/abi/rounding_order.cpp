#include "rounding_order.h"

#include <algorithm>
#include <numeric>

namespace salient {

std::vector<uint32_t> rounding_order(const std::vector<float>& diagonal, Order kind, uint32_t group) {
  const uint32_t K = static_cast<uint32_t>(diagonal.size());
  std::vector<uint32_t> order(K);
  std::iota(order.begin(), order.end(), 0u);
  if (kind == Order::Natural) return order;
  std::vector<double> weight(K, 0.0);  // of each input's group, where groups stay together
  if (kind == Order::Groups) {
    std::vector<double> sums((K + group - 1) / group, 0.0);
    for (uint32_t k = 0; k < K; ++k) sums[k / group] += static_cast<double>(diagonal[k]);
    for (uint32_t k = 0; k < K; ++k) weight[k] = sums[k / group];
  }
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (kind == Order::Groups && a / group != b / group) {
      return weight[a] != weight[b] ? weight[a] > weight[b] : a / group < b / group;
    }
    return diagonal[a] > diagonal[b];
  });
  return order;
}

}  // namespace salient
