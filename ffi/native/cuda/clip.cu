// The search for the bound of each group that hurts its output least.
#include <algorithm>
#include <cmath>
#include <vector>

#include "energy.h"
#include "grid.h"
#include "search.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kErrors = size_t{32} << 20;  // floats of errors that are made before they are measured

// d [row * tries + t][K]: the errors of each group of a row under bound t; one warp for a group under a bound.
__global__ void clipped_errors(const void* w, DType type, Grid grid, const float* factors, size_t tries, size_t first, float* d,
                               float* amax, size_t rows, size_t K) {
  const size_t warp = (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  const uint32_t g = grid.group;
  const size_t groups = K / g;
  if (warp >= rows * tries * groups) return;
  const size_t v = warp / groups, group = warp % groups, row = (first + v / tries) * K + group * g;
  float most = 0;
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) most = fmaxf(most, fabsf(load(w, type, row + i)));
  most = warp_max(most);
  const float bound = most * factors[v % tries], top = top_code(grid);
  const auto at = [&](uint32_t i) { return clamped(load(w, type, row + i), bound); };
  const Fitted fitted = fit(warp_range(g, at), grid);
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) {
    d[v * K + group * g + i] = load(w, type, row + i) - value_of(code_of(at(i), fitted, top), fitted);
  }
  if (v % tries == 0 && threadIdx.x % 32 == 0) amax[v / tries * groups + group] = most;
}

// The first of the least errors [groups, rows * tries] of each row and group.
__global__ void choose_bounds(const double* errors, const float* factors, size_t tries, const float* amax, float* bounds,
                              size_t rows, size_t groups, unsigned long long* clipped) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= rows * groups) return;
  const double* error = errors + (i % groups * rows + i / groups) * tries;
  size_t best = 0;
  for (size_t t = 1; t < tries; t++) {
    if (error[t] < error[best]) best = t;
  }
  bounds[i] = amax[i] * factors[best];
  if (best > 0) atomicAdd(clipped, 1ull);
}

}  // namespace

uint64_t clip_search(const void* w, DType type, const Moment& moment, const Grid& grid, uint32_t steps, float max_shrink,
                     float* bounds, size_t N, size_t K) {
  if (N == 0 || K == 0) return 0;
  const size_t g = grid.group, groups = K / g;
  const std::vector<float> shrunk = shrink_factors(steps, max_shrink);
  const size_t tries = shrunk.size(), step = std::clamp<size_t>(kErrors / K / tries, 1, N);
  const Temporary<float> factors(shrunk.data(), tries);
  const GroupMoments moments(moment, g, K);
  const Temporary<float> d(step * tries * K), amax(step * groups);
  const Temporary<double> errors(step * tries * groups);
  Temporary<unsigned long long> clipped(1);
  clipped.clear();
  for (size_t n = 0; n < N; n += step) {
    const size_t rows = std::min(step, N - n), all = rows * tries;
    simt::launch("clipped errors", clipped_errors, simt::blocks(all * groups, kThreads / 32), kThreads, 0, w, type, grid,
                 factors.data(), tries, n, d.data(), amax.data(), rows, K);
    // A launch has at most 65535 batches.
    for (size_t i = 0; i < groups; i += kMostBatches) {
      energies(d.data() + i * g, K, g, all, g, moments.part(i), errors.data() + i * all, std::min(kMostBatches, groups - i));
    }
    simt::launch("bounds", choose_bounds, simt::blocks(rows * groups, kThreads), kThreads, 0, errors.data(), factors.data(), tries,
                 amax.data(), bounds + n * groups, rows, groups, clipped.data());
  }
  unsigned long long total = 0;
  clipped.read(&total);
  return total;
}

}  // namespace salient
