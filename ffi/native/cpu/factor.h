// The triangular factor of a Gram matrix, behind the opaque Factor of kernels.h.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "level.h"
#include "objects.h"

namespace salient {

// R, upper triangular, with R R^T = P^T (G + added I) P. Column p of R belongs to input order[p].
//
// Columns are kept in blocks of kDepth: a block is [rows][kStride] with the rows from 0 to its own last
// column, so it is the left side of a product as it stands, and half of the square is not there at all.
struct Factor {
  size_t K;
  Order kind;
  uint32_t group;  // of Order::Groups
  std::vector<uint32_t> order;
  std::vector<uint8_t> dead;  // by input: no token used it
  double damping;             // what was needed, times the mean of the diagonal ...
  double added;               // ... is what was added to the diagonal
  std::vector<size_t> starts;  // of each block, in floats
  std::unique_ptr<Block> memory;

  size_t blocks() const { return starts.size(); }
  size_t width(size_t block) const { return std::min(kDepth, K - block * kDepth); }
  size_t rows(size_t block) const { return block * kDepth + width(block); }
  float* block(size_t i) const { return reinterpret_cast<float*>(memory->data()) + starts[i]; }
};

// The inverse of an upper triangle r [n][r_stride], transposed: out [n][out_stride], lower triangular.
void invert_triangle(const Level& level, const float* r, size_t r_stride, size_t n, float* out, size_t out_stride);

}  // namespace salient
