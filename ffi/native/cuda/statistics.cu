// What is counted over inputs and weights. Long sums are those of bands of rows, added up in their order, so that the
// result does not depend on which block ran first.
#include <algorithm>
#include <cmath>

#include "../abi/elementwise.h"
#include "memory.h"
#include "numbers.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kMostBands = 64;

// Rows of a band: enough bands to fill the device, not so many that adding them up costs.
size_t rows_of_band(size_t rows) { return std::max<size_t>(16, (rows + kMostBands - 1) / kMostBands); }

__device__ __forceinline__ float larger(float value, float max) {
  return value > max || value != value ? value : max;  // a NaN stays
}

__global__ void abs_band(const float* x, double* sums, float* maxima, size_t T, size_t K, size_t band) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= K) return;
  const size_t begin = blockIdx.y * band, end = min(begin + band, T);
  double sum = 0;
  float max = 0;
  for (size_t t = begin; t < end; t++) {
    const float value = fabsf(x[t * K + k]);
    sum += static_cast<double>(value);
    max = larger(value, max);
  }
  sums[blockIdx.y * K + k] = sum;
  maxima[blockIdx.y * K + k] = max;
}

__global__ void abs_add(const double* sums, const float* maxima, size_t bands, double* sum, float* max, size_t K) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= K) return;
  double total = sum[k];
  float most = max[k];
  for (size_t b = 0; b < bands; b++) {
    total += sums[b * K + k];
    most = larger(maxima[b * K + k], most);
  }
  sum[k] = total;
  max[k] = most;
}

struct Counts {
  unsigned long long non_finite, zero_columns;
  int abs_max;  // the bits: absolute values compare as their bits do
};

__global__ void look_at(const void* w, DType type, size_t N, size_t K, size_t band, uint8_t* used, Counts* counts) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= K) return;
  const size_t begin = blockIdx.y * band, end = min(begin + band, N);
  unsigned long long non_finite = 0;
  float most = 0;
  bool any = false;
  for (size_t n = begin; n < end; n++) {
    const float value = load(w, type, n * K + k);
    any |= value != 0.0f;
    if (isfinite(value)) most = fmaxf(most, fabsf(value));
    else non_finite++;
  }
  if (any) used[k] = 1;  // every writer writes the same
  if (non_finite > 0) atomicAdd(&counts->non_finite, non_finite);
  atomicMax(&counts->abs_max, __float_as_int(most));
}

__global__ void count_unused(const uint8_t* used, size_t K, Counts* counts) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k < K && used[k] == 0) atomicAdd(&counts->zero_columns, 1ull);
}

// What the group's weights are divided by; one warp for a group.
__global__ void magnitude_divisors(const void* w, DType type, uint32_t g, float* divisors, size_t count) {
  const size_t group = (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (group >= count) return;
  float most = 0;
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) most = fmaxf(most, fabsf(load(w, type, group * g + i)));
  most = warp_max(most);
  if (threadIdx.x % 32 == 0) divisors[group] = most + 1e-6f;
}

__global__ void magnitude_band(const void* w, DType type, uint32_t g, const float* divisors, double* sums, size_t N, size_t K,
                               size_t band) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= K) return;
  const size_t begin = blockIdx.y * band, end = min(begin + band, N);
  double sum = 0;
  for (size_t n = begin; n < end; n++) {
    sum += static_cast<double>(__fdiv_rn(fabsf(load(w, type, n * K + k)), divisors[n * (K / g) + k / g]));
  }
  sums[blockIdx.y * K + k] = sum;
}

__global__ void magnitude_means(const double* sums, size_t bands, float* means, size_t N, size_t K) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= K) return;
  double total = 0;
  for (size_t b = 0; b < bands; b++) total += sums[b * K + k];
  means[k] = static_cast<float>(total / static_cast<double>(N));
}

}  // namespace

void accumulate_abs(const float* x, double* sum, float* max, size_t T, size_t K) {
  if (T == 0 || K == 0) return;
  const size_t band = rows_of_band(T), bands = (T + band - 1) / band;
  const Temporary<double> sums(bands * K);
  const Temporary<float> maxima(bands * K);
  const dim3 grid(simt::blocks(K, kThreads), static_cast<unsigned>(bands));
  simt::launch("accumulateAbs", abs_band, grid, kThreads, 0, x, sums.data(), maxima.data(), T, K, band);
  simt::launch("accumulateAbs, sums", abs_add, grid.x, kThreads, 0, sums.data(), maxima.data(), bands, sum, max, K);
}

Summary summarize(const void* w, DType type, size_t N, size_t K) {
  if (N == 0 || K == 0) return {};
  Temporary<uint8_t> used(K);
  Temporary<Counts> counts(1);
  used.clear();
  counts.clear();
  const size_t band = rows_of_band(N), bands = (N + band - 1) / band;
  const dim3 grid(simt::blocks(K, kThreads), static_cast<unsigned>(bands));
  simt::launch("summarize", look_at, grid, kThreads, 0, w, type, N, K, band, used.data(), counts.data());
  simt::launch("summarize, columns", count_unused, grid.x, kThreads, 0, used.data(), K, counts.data());
  Counts found{};
  counts.read(&found);
  Summary summary;
  summary.non_finite = found.non_finite;
  summary.zero_columns = found.zero_columns;
  std::memcpy(&summary.abs_max, &found.abs_max, sizeof summary.abs_max);
  return summary;
}

void relative_magnitude(const void* w, DType type, uint32_t g, float* means, size_t N, size_t K) {
  const size_t groups = N * (K / g), band = rows_of_band(N), bands = (N + band - 1) / band;
  const Temporary<float> divisors(groups);
  const Temporary<double> sums(bands * K);
  const Temporary<float> found(K);
  const dim3 grid(simt::blocks(K, kThreads), static_cast<unsigned>(bands));
  simt::launch("relativeMagnitude, groups", magnitude_divisors, simt::blocks(groups, kThreads / 32), kThreads, 0, w, type, g,
               divisors.data(), groups);
  simt::launch("relativeMagnitude", magnitude_band, grid, kThreads, 0, w, type, g, divisors.data(), sums.data(), N, K, band);
  simt::launch("relativeMagnitude, means", magnitude_means, grid.x, kThreads, 0, sums.data(), bands, found.data(), N, K);
  found.read(means);
}

}  // namespace salient
