// fp32 products on the device, for statistics and searches.
#pragma once

#include <cstddef>

namespace salient {

// A matrix [count, K] of a product. Element (row, k) is at row * stride + k, or at k * stride + row where the rows are
// those of the transposed matrix. Batch z begins z * batch elements further on.
struct Side {
  const float* data;
  size_t stride;
  size_t batch = 0;
};

// How a side is stored: rows [count, K], or transposed [K, count].
enum class Stored { Rows, Columns };

// C [M, N] (rows `stride` apart, batch z `batch` further on) = or += factor * A B^T.
struct Target {
  float* data;
  size_t stride;
  size_t batch = 0;
  bool add = false;
  float factor = 1;
  bool upper = false;  // only what lies on or above the diagonal is needed: tiles below it may be left out
};
void product(Side a, Stored a_stored, Side b, Stored b_stored, Target c, size_t M, size_t N, size_t K, size_t batches = 1);

// gram [K, K] += x^T x of rows [T] of x, `stride` apart; the upper half is a copy of the lower one. Batch z begins
// `columns` inputs further on in x and K * K elements in gram.
void gram_product(const float* x, size_t stride, float* gram, size_t T, size_t K, size_t columns = 0, size_t batches = 1);

}  // namespace salient
