// Errors of a weight's output, for scales, for finished integers and for nothing in its place.
#include <algorithm>
#include <cmath>

#include "energy.h"
#include "grid.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
// Floats of the rows of errors that are made before they are measured.
constexpr size_t kErrors = size_t{32} << 20;

size_t rows_at_once(size_t K) { return std::max<size_t>(128, kErrors / K); }

// One warp for a group.
__global__ void scaled_errors_kernel(const void* w, DType type, Grid grid, const float* candidates, size_t C, size_t first, float* d,
                              size_t rows, size_t K) {
  const size_t warp = (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  const uint32_t g = grid.group;
  const size_t groups = K / g;
  if (warp >= rows * groups) return;
  const size_t v = first + warp / groups, begin = warp % groups * g, row = v / C * K + begin;
  const float* s = candidates + v % C * K + begin;
  const Fitted fitted = fit(warp_range(g, [&](uint32_t i) { return load(w, type, row + i) * s[i]; }), grid);
  const float top = top_code(grid);
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) {
    const float value = load(w, type, row + i);
    d[warp * g + i] = value - __fdiv_rn(value_of(code_of(value * s[i], fitted, top), fitted), s[i]);
  }
}

// d = w - (code - zero) * scale, or w itself where there are no codes.
__global__ void plain_errors(const void* w, DType type, uint32_t g, const uint8_t* codes, const float* scales,
                             const uint8_t* zeros, size_t first, float* d, size_t count) {
  const size_t at = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= count) return;
  const size_t i = first + at;
  float error = load(w, type, i);
  if (codes != nullptr) {
    error = error - value_of(static_cast<float>(codes[i]), {scales[i / g], static_cast<float>(zeros[i / g])});
  }
  d[at] = error;
}

double plain_loss(const void* w, DType type, const Moment& moment, uint32_t g, const uint8_t* codes, const float* scales,
                  const uint8_t* zeros, size_t N, size_t K) {
  const size_t step = std::min(N, rows_at_once(K));
  const Temporary<float> d(step * K);
  const Temporary<double> each(N);
  for (size_t n = 0; n < N; n += step) {
    const size_t rows = std::min(step, N - n);
    simt::launch("errors of a weight", plain_errors, simt::blocks(rows * K, kThreads), kThreads, 0, w, type, g, codes, scales,
                 zeros, n * K, d.data(), rows * K);
    energies(d.data(), K, 0, rows, K, whole(moment, K), each.data() + n);
  }
  double total = 0;
  column_sums(each.data(), N, 1, &total);
  return total;
}

}  // namespace

void scaled_errors(const void* w, DType type, const Grid& grid, const float* candidates, size_t C, size_t first, float* d,
                   size_t rows, size_t K) {
  simt::launch("errors under scales", scaled_errors_kernel, simt::blocks(rows * (K / grid.group), kThreads / 32), kThreads, 0,
               w, type, grid, candidates, C, first, d, rows, K);
}

void scale_losses(const void* w, DType type, const Moment& moment, const Grid& grid, const float* candidates, size_t C,
                  double* losses, size_t N, size_t K) {
  if (C == 0) return;
  // Row n under candidate c is number n C + c, so a row is read once for all of its candidates.
  const size_t all = N * C, step = std::min(all, rows_at_once(K));
  const Temporary<float> d(step * K);
  const Temporary<double> each(all);
  for (size_t v = 0; v < all; v += step) {
    const size_t rows = std::min(step, all - v);
    scaled_errors(w, type, grid, candidates, C, v, d.data(), rows, K);
    energies(d.data(), K, 0, rows, K, whole(moment, K), each.data() + v);
  }
  column_sums(each.data(), N, C, losses);
}

double quantization_loss(const void* w, DType type, const Moment& moment, const Grid& grid, const uint8_t* codes,
                         const float* scales, const uint8_t* zeros, size_t N, size_t K) {
  return plain_loss(w, type, moment, grid.group, codes, scales, zeros, N, K);
}

double output_energy(const void* w, DType type, const Moment& moment, size_t N, size_t K) {
  return plain_loss(w, type, moment, 1, nullptr, nullptr, nullptr, N, K);
}

}  // namespace salient
