// ||X d^T||^2 of many rows d at once.
#pragma once

#include "../abi/kernels.h"
#include "memory.h"
#include "products.h"

namespace salient {

// Part of what is known of the inputs: columns of a Gram or of sample rows, for each batch.
struct MomentPart {
  bool tokens;
  const float* data;     // where the part begins
  size_t stride;         // between rows
  size_t batch;          // elements from one batch's part to the next
  size_t rows;           // of the sample
  double weight;
};

// The whole of a moment of K inputs.
MomentPart whole(const Moment& moment, size_t K);

// out [batches, M] = ||X d^T||^2 for rows d [M, size] that are d_stride apart, batch z d_batch further on.
void energies(const float* d, size_t d_stride, size_t d_batch, size_t M, size_t size, const MomentPart& part, double* out,
              size_t batches = 1);

// d [rows, K] = w - Q(w s) / s of row v / C of w under candidate v % C of `candidates` [C, K], for v from `first` on.
void scaled_errors(const void* w, DType type, const Grid& grid, const float* candidates, size_t C, size_t first, float* d,
                   size_t rows, size_t K);

// The diagonal blocks of the inputs' Gram, one for each group of g inputs: those of the Gram itself, or, of a sample,
// products that are made here where the groups are small.
class GroupMoments {
 public:
  GroupMoments(const Moment& moment, size_t g, size_t K);
  // Group i of all, and all of them as batches.
  MomentPart part(size_t i) const;

 private:
  Temporary<float> grams_;
  MomentPart first_;
};

// Groups up to this size are measured through a Gram even where a sample is given.
constexpr size_t kGramGroup = 512;

// The sum of C columns of double [N, C] into sums [C] of the host; what is no number becomes infinite.
void column_sums(const double* values, size_t N, size_t C, double* sums);

}  // namespace salient
