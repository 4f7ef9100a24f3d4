// ||X d^T||^2 = d G d^T of many rows at once: a product whose result is summed up as it is made.
#include "energy.h"

#include <cmath>
#include <vector>

#include "product_tile.h"

namespace salient {
namespace {

// From the Gram: G is symmetric, so the part above the diagonal tiles is the part below it once more. Each diagonal tile
// enters by half, and the whole is doubled. From sample rows: the outputs, squared. parts [batches, column tiles, M].
template <int kPer>
__global__ void __launch_bounds__(kProductThreads)
    energy_kernel(Side d, Side moment, bool tokens, double* parts, size_t M, size_t columns, size_t size) {
  __shared__ __align__(16) TileMemory<kPer> memory;
  constexpr size_t kTile = 16 * kPer;
  const size_t first_row = blockIdx.x * kTile, first_column = blockIdx.y * kTile;
  const uint32_t tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const size_t end = tokens ? size : min(first_column + kTile, size), half_from = tokens ? size : first_column;
  float sums[kPer][kPer] = {};
  multiply_tile<kPer, false, false>(sums, memory, d, moment, first_row, M, first_column, columns, 0, end, half_from);
  const float* rows = d.data + blockIdx.z * d.batch;
#pragma unroll
  for (uint32_t i = 0; i < kPer; i++) {
    const size_t row = first_row + place_in_tile(ty, i);
    float squares = 0;
#pragma unroll
    for (uint32_t j = 0; j < kPer; j++) {
      const size_t column = first_column + place_in_tile(tx, j);
      if (row >= M || column >= columns) continue;
      squares = fmaf(sums[i][j], tokens ? sums[i][j] : 2 * rows[row * d.stride + column], squares);
    }
    double total = squares;
    // The sixteen threads of a row are half a warp.
    for (int distance = 8; distance > 0; distance /= 2) total += __shfl_xor_sync(0xffffffffu, total, distance);
    if (tx == 0 && row < M) parts[(blockIdx.z * gridDim.y + blockIdx.y) * M + row] = total;
  }
}

__global__ void add_parts(const double* parts, size_t tiles, size_t M, double weight, double* out, size_t batches) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= batches * M) return;
  double total = 0;
  for (size_t tile = 0; tile < tiles; tile++) total += parts[(i / M * tiles + tile) * M + i % M];
  out[i] = total * weight;
}

__global__ void sum_columns(const double* values, size_t N, size_t C, double* sums) {
  const size_t c = blockIdx.x;
  double total = 0;
  for (size_t n = threadIdx.x; n < N; n += blockDim.x) total += values[n * C + c];
  total = block_sum(total);
  if (threadIdx.x == 0) sums[c] = total;
}

template <int kPer>
void launch_energies(Side d, Side moment, bool tokens, double* parts, size_t M, size_t columns, size_t size, size_t batches) {
  const dim3 grid(simt::blocks(M, 16 * kPer), simt::blocks(columns, 16 * kPer), static_cast<unsigned>(batches));
  simt::launch("squared outputs", energy_kernel<kPer>, grid, kProductThreads, 0, d, moment, tokens, parts, M, columns, size);
}

}  // namespace

MomentPart whole(const Moment& moment, size_t K) {
  return {moment.tokens, moment.data, K, 0, moment.rows, moment.tokens ? moment.weight : 1.0};
}

void energies(const float* d, size_t d_stride, size_t d_batch, size_t M, size_t size, const MomentPart& part, double* out,
              size_t batches) {
  if (M == 0 || batches == 0) return;
  const size_t columns = part.tokens ? part.rows : size;
  const bool small = M <= 64 || columns <= 64;
  const size_t tiles = simt::blocks(columns, small ? 64 : 128);
  const Temporary<double> parts(batches * tiles * M);
  const Side left{d, d_stride, d_batch}, right{part.data, part.stride, part.batch};
  if (columns > 0) {
    if (small) launch_energies<4>(left, right, part.tokens, parts.data(), M, columns, size, batches);
    else launch_energies<8>(left, right, part.tokens, parts.data(), M, columns, size, batches);
  }
  simt::launch("squared outputs, sums", add_parts, simt::blocks(batches * M, 256), 256, 0, parts.data(), tiles, M, part.weight,
               out, batches);
}

GroupMoments::GroupMoments(const Moment& moment, size_t g, size_t K)
    : grams_(moment.tokens && g <= kGramGroup && g < K ? K * g : 0) {
  if (grams_.count() > 0) {
    grams_.clear();
    gram_product(moment.data, K, grams_.data(), moment.rows, g, g, K / g);
    first_ = {false, grams_.data(), g, g * g, 0, 1.0};
  } else if (moment.tokens) {
    first_ = {true, moment.data, K, g, moment.rows, moment.weight};
  } else {
    first_ = {false, moment.data, K, g * K + g, 0, 1.0};
  }
}

MomentPart GroupMoments::part(size_t i) const {
  MomentPart part = first_;
  part.data += i * part.batch;
  return part;
}

void column_sums(const double* values, size_t N, size_t C, double* sums) {
  if (C == 0) return;
  const Temporary<double> totals(C);
  simt::launch("sums of losses", sum_columns, static_cast<unsigned>(C), 256, 0, values, N, C, totals.data());
  totals.read(sums);
  for (size_t c = 0; c < C; c++) {
    if (!std::isfinite(sums[c])) sums[c] = HUGE_VAL;
  }
}

}  // namespace salient
