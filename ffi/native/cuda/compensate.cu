// GPTQ's column loop: every column is rounded, and the columns after it make up for its error.
//
// With d = w - q and H = R R^T (factor.h), what the errors of the columns before c ask of column c is
// (sum over k < c of d_k R_kc) / R_cc. The large part of these sums is a product of finished d with R, one for each
// block of columns; then runs of columns are rounded by a thread for each row, with a product after each run for the
// rest of the block.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "factor.h"
#include "grid.h"
#include "memory.h"
#include "products.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kColumns = kCompensatedGroup;  // of a block
constexpr uint32_t kRun = 32;                   // columns that are rounded between two products
constexpr uint32_t kRows = 64;                  // of a block of threads
constexpr size_t kFloats = size_t{64} << 20;    // of the rows that are rounded together

// The rows at hand: everything begins at the first of them.
struct Rows {
  const void* w;
  DType type;
  Grid grid;
  const uint32_t* order;
  const uint8_t* dead;
  size_t first, count, K;  // `first` counts rows of w
  float* x;                // [count, K]: weights in the factor's order, then d
  uint8_t* codes;          // [count, K]
  float* scales;           // [count, groups]
  uint8_t* zeros;
  double* losses;  // [count]
};

__device__ __forceinline__ size_t this_thread() { return static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

__global__ void load_rows(Rows rows, unsigned* not_finite) {
  const size_t at = this_thread();
  if (at >= rows.count * rows.K) return;
  const uint32_t k = rows.order[at % rows.K];
  const float value = load(rows.w, rows.type, (rows.first + at / rows.K) * rows.K + k);
  if (!isfinite(value)) atomicOr(not_finite, 1u);
  rows.x[at] = rows.dead[k] ? 0.0f : value;
  if (at % rows.K == 0) rows.losses[at / rows.K] = 0;
}

__device__ __forceinline__ void keep_grid(const Rows& rows, size_t place, const Fitted& fitted) {
  if (threadIdx.x % 32 != 0) return;
  rows.scales[place] = fitted.scale;
  rows.zeros[place] = static_cast<uint8_t>(fitted.zero);
}

// One warp for a group, of the weights as they are.
__global__ void fit_groups(Rows rows) {
  const uint32_t g = rows.grid.group;
  const size_t group = this_thread() / 32, groups = rows.K / g;
  if (group >= rows.count * groups) return;
  const size_t begin = group % groups * g, at = (rows.first + group / groups) * rows.K + begin;
  const auto value = [&](uint32_t i) { return rows.dead[begin + i] ? 0.0f : load(rows.w, rows.type, at + i); };
  keep_grid(rows, group, fit(warp_range(g, value), rows.grid));
}

// One warp for a row, of a group's weights as they stand: current [count, g].
__global__ void fit_current(Rows rows, const float* current, uint32_t first_input) {
  const uint32_t g = rows.grid.group;
  const size_t row = this_thread() / 32;
  if (row >= rows.count) return;
  const Range range = warp_range(g, [&](uint32_t i) { return current[row * g + i]; });
  keep_grid(rows, row * (rows.K / g) + first_input / g, fit(range, rows.grid));
}

// to [rows, n] = columns of from, whose rows are `stride` apart.
__global__ void copy_columns(const float* from, size_t stride, float* to, size_t rows, size_t n) {
  const size_t at = this_thread();
  if (at < rows * n) to[at] = from[at / n * stride + at % n];
}

// inverses [groups][g][g]: those of the groups' own triangles of r, transposed. A block for a group, a thread for a
// column.
__global__ void invert_groups(const float* r, size_t K, uint32_t g, float* inverses) {
  const size_t first = static_cast<size_t>(blockIdx.x) * g;
  const float* t = r + first * K + first;
  const uint32_t j = threadIdx.x;
  if (j >= g) return;
  float* column = inverses + (first + j) * g;
  for (uint32_t i = j + 1; i < g; i++) column[i] = 0;
  column[j] = __fdiv_rn(1.0f, t[j * K + j]);
  for (uint32_t i = j; i-- > 0;) {
    double sum = 0;
    for (uint32_t k = i + 1; k <= j; k++) sum += static_cast<double>(t[i * K + k]) * static_cast<double>(column[k]);
    column[i] = static_cast<float>(-sum / static_cast<double>(t[i * K + i]));
  }
}

// Rounds columns p to p + width - 1, which become d; sums [count][kColumns] begin at column p.
__global__ void __launch_bounds__(kRows) round_run(Rows rows, const float* sums, const float* r, size_t p, uint32_t width,
                                                   double added) {
  __shared__ float x[kRows][kRun + 1], before[kRows][kRun + 1], factor[kRun][kRun + 1];
  __shared__ uint32_t inputs[kRun];
  const size_t K = rows.K, first = static_cast<size_t>(blockIdx.x) * kRows;
  for (uint32_t i = threadIdx.x; i < kRows * width; i += kRows) {
    const size_t row = first + i / width;
    if (row >= rows.count) continue;
    x[i / width][i % width] = rows.x[row * K + p + i % width];
    before[i / width][i % width] = sums[row * kColumns + i % width];
  }
  for (uint32_t i = threadIdx.x; i < width * width; i += kRows) factor[i / width][i % width] = r[(p + i / width) * K + p + i % width];
  if (threadIdx.x < width) inputs[threadIdx.x] = rows.order[p + threadIdx.x];
  __syncthreads();
  const size_t row = first + threadIdx.x;
  if (row < rows.count) {
    float* d = x[threadIdx.x];
    const float top = top_code(rows.grid);
    float loss = 0, norm = 0;
    for (uint32_t c = 0; c < width; c++) {
      float sum = before[threadIdx.x][c];
      for (uint32_t k = 0; k < c; k++) sum = fmaf(d[k], factor[k][c], sum);
      const float w = d[c], pivot = factor[c][c];
      const size_t place = row * (K / rows.grid.group) + inputs[c] / rows.grid.group;
      const Fitted fitted{rows.scales[place], static_cast<float>(rows.zeros[place])};
      const float code = code_of(w + sum * __fdiv_rn(1.0f, pivot), fitted, top);
      rows.codes[row * K + inputs[c]] = static_cast<uint8_t>(code);
      d[c] = w - value_of(code, fitted);
      const float error = fmaf(d[c], pivot, sum);
      loss = fmaf(error, error, loss);
      norm = fmaf(d[c], d[c], norm);
    }
    rows.losses[row] += static_cast<double>(loss) - added * static_cast<double>(norm);
  }
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < kRows * width; i += kRows) {
    if (first + i / width < rows.count) rows.x[(first + i / width) * K + p + i % width] = x[i / width][i % width];
  }
}

void round_rows(const Rows& rows, const Factor& f, const float* inverses) {
  const size_t K = rows.K, g = rows.grid.group;
  const float* r = f.r();
  Temporary<float> sums(rows.count * kColumns), current(inverses != nullptr ? rows.count * g : 0);
  for (size_t first = 0; first < K; first += kColumns) {
    const size_t columns = std::min(kColumns, K - first);
    if (first == 0) sums.clear();
    else product({rows.x, K}, Stored::Rows, {r + first, K}, Stored::Columns, {sums.data(), kColumns}, rows.count, columns, first);
    for (size_t s = 0; s < columns;) {
      const size_t p = first + s;
      size_t width = std::min<size_t>(kRun, columns - s);
      if (inverses != nullptr) {
        width = std::min(width, g - p % g);
        if (p % g == 0) {
          // The published update would have left w + (sums so far) U there, U being the inverse of the group's triangle.
          simt::launch("compensate, group", copy_columns, simt::blocks(rows.count * g, kThreads), kThreads, 0, rows.x + p, K,
                       current.data(), rows.count, g);
          product({sums.data() + s, kColumns}, Stored::Rows, {inverses + p * g, g}, Stored::Rows, {current.data(), g, 0, true},
                  rows.count, g, g);
          simt::launch("compensate, grid", fit_current, simt::blocks(rows.count, kThreads / 32), kThreads, 0, rows, current.data(),
                       f.order[p]);
        }
      }
      simt::launch("compensate", round_run, simt::blocks(rows.count, kRows), kRows, 0, rows, sums.data() + s, r, p,
                   static_cast<uint32_t>(width), f.added);
      s += width;
      if (s == columns) break;
      product({rows.x + p, K}, Stored::Rows, {r + p * K + first + s, K}, Stored::Columns, {sums.data() + s, kColumns, 0, true},
              rows.count, columns - s, width);
    }
  }
}

}  // namespace

double compensate(const void* w, DType type, const Factor& factor, const Grid& grid, bool dynamic, const float* given_scales,
                  const uint8_t* given_zeros, uint8_t* codes, float* scales, uint8_t* zeros, size_t N) {
  const size_t K = factor.K, g = grid.group, groups = K / g;
  const bool fit_here = given_scales == nullptr;
  dynamic = dynamic && fit_here && groups > 1;  // a whole row is reached at its first column
  if (!fit_here) {
    move_on_device(scales, given_scales, N * groups * sizeof(float));
    move_on_device(zeros, given_zeros, N * groups);
  }
  const Temporary<float> inverses(dynamic ? K * g : 0);
  if (dynamic) {
    simt::launch("compensate, triangles", invert_groups, static_cast<unsigned>(groups), static_cast<unsigned>((g + 31) / 32 * 32),
                 0, factor.r(), K, grid.group, inverses.data());
  }
  const size_t step = std::min(N, std::max<size_t>(kRows, kFloats / K));
  const Temporary<float> x(step * K);
  const Temporary<double> losses(N);
  Temporary<unsigned> not_finite(1);
  not_finite.clear();
  for (size_t n = 0; n < N; n += step) {
    const Rows rows{w, type, grid, factor.device_order(), factor.dead(), n, std::min(step, N - n), K, x.data(), codes + n * K,
                    scales + n * groups, zeros + n * groups, losses.data() + n};
    simt::launch("compensate, weights", load_rows, simt::blocks(rows.count * K, kThreads), kThreads, 0, rows, not_finite.data());
    if (fit_here && !dynamic) {
      simt::launch("compensate, grids", fit_groups, simt::blocks(rows.count * groups, kThreads / 32), kThreads, 0, rows);
    }
    round_rows(rows, factor, dynamic ? inverses.data() : nullptr);
  }
  unsigned found = 0;
  not_finite.read(&found);
  if (found != 0) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> each(N);
  losses.read(each.data());
  double total = 0;
  for (const double loss : each) total += loss;
  return total;
}

}  // namespace salient
