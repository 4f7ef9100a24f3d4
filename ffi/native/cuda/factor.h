// The triangular factor of a Gram matrix, behind the opaque Factor of kernels.h.
#pragma once

#include <memory>
#include <vector>

#include "../abi/objects.h"

namespace salient {

// R, upper triangular, with R R^T = P^T (G + added I) P. Column p of R belongs to input order[p].
struct Factor {
  size_t K;
  Order kind;
  uint32_t group;  // of Order::Groups
  double damping;  // what was needed, times the mean of the diagonal ...
  double added;    // ... is what was added to the diagonal
  std::vector<uint32_t> order;
  std::unique_ptr<Block> memory;  // of the device: R [K, K], then order [K], then dead [K]

  // What lies below the diagonal is no part of it.
  float* r() const { return reinterpret_cast<float*>(memory->data()); }
  uint32_t* device_order() const { return reinterpret_cast<uint32_t*>(r() + K * K); }
  // By input: 1 where no token used it.
  uint8_t* dead() const { return reinterpret_cast<uint8_t*>(device_order() + K); }
  static size_t bytes(size_t K) { return K * K * sizeof(float) + K * sizeof(uint32_t) + K; }
};

}  // namespace salient
