// Squared outputs of rows of weights.
#pragma once

#include <cstddef>
#include <functional>

#include "kernels.h"

namespace salient {

// Part of what is known of the inputs: columns start to start + size, of a Gram or of sample rows that
// are `stride` apart.
struct MomentView {
  const Moment* moment;
  size_t stride, start, size;
};

// Rows d [size] are kept in blocks of kDepth columns, [block][rows][kStride]; words of `rows` such rows.
size_t blocked_size(size_t rows, size_t size);
// Copies row d [size] to place m of `rows`.
void put_blocked(const float* d, size_t size, size_t m, size_t rows, float* blocked);
// out [rows] = ||X d^T||^2 of each row, in double.
void energies(const float* blocked, size_t rows, const MomentView& view, double* out);

// out [rows] = ||X d^T||^2 for the rows that fill(begin, end, put) makes: it calls put(d) once for each
// row from begin to end, in order.
using Put = std::function<void(const float*)>;
void row_energies(size_t rows, size_t K, const Moment& moment, double* out,
                  const std::function<void(size_t, size_t, const Put&)>& fill);

}  // namespace salient
