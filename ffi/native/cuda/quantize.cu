// Rounding to the affine grid and back: one warp for a group.
#include <algorithm>

#include "grid.h"
#include "memory.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;

__device__ __forceinline__ size_t this_warp() {
  return (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
}
__device__ __forceinline__ uint32_t this_lane() { return threadIdx.x % 32; }

__global__ void quantize_kernel(const void* w, DType type, Grid grid, const float* bounds, uint8_t* codes, float* scales,
                                uint8_t* zeros, size_t groups) {
  const size_t group = this_warp();
  if (group >= groups) return;
  const uint32_t g = grid.group;
  const float bound = bounds != nullptr ? bounds[group] : INFINITY;
  const auto at = [&](uint32_t i) { return clamped(load(w, type, group * g + i), bound); };
  const Fitted fitted = fit(warp_range(g, at), grid);
  const float top = top_code(grid);
  for (uint32_t i = this_lane(); i < g; i += 32) codes[group * g + i] = static_cast<uint8_t>(code_of(at(i), fitted, top));
  if (this_lane() == 0) {
    scales[group] = fitted.scale;
    zeros[group] = static_cast<uint8_t>(fitted.zero);
  }
}

__global__ void dequantize_kernel(const uint8_t* codes, const float* scales, const uint8_t* zeros, uint32_t g, float* w,
                                  size_t count) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const Fitted fitted{scales[i / g], static_cast<float>(zeros[i / g])};
  w[i] = value_of(static_cast<float>(codes[i]), fitted);
}

__global__ void fake_quantize_kernel(const void* w, DType type, Grid grid, const float* s, float* out, size_t groups, size_t K) {
  const size_t group = this_warp();
  if (group >= groups) return;
  const uint32_t g = grid.group;
  const float* factors = s != nullptr ? s + group * g % K : nullptr;
  const auto at = [&](uint32_t i) {
    const float value = load(w, type, group * g + i);
    return factors != nullptr ? value * factors[i] : value;
  };
  const Fitted fitted = fit(warp_range(g, at), grid);
  const float top = top_code(grid);
  for (uint32_t i = this_lane(); i < g; i += 32) {
    const float value = value_of(code_of(at(i), fitted, top), fitted);
    out[group * g + i] = factors != nullptr ? __fdiv_rn(value, factors[i]) : value;
  }
}

__global__ void largest_code_kernel(const uint8_t* codes, size_t n, unsigned* largest) {
  unsigned most = 0;
  const size_t step = static_cast<size_t>(gridDim.x) * blockDim.x;
  for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    most = codes[i] > most ? codes[i] : most;
  }
  atomicMax(largest, most);
}

}  // namespace

void quantize(const void* w, DType type, const Grid& grid, const float* bounds, uint8_t* codes, float* scales, uint8_t* zeros,
              size_t N, size_t K) {
  const size_t groups = N * (K / grid.group);
  if (groups == 0) return;
  simt::launch("quantize", quantize_kernel, simt::blocks(groups, kThreads / 32), kThreads, 0, w, type, grid, bounds, codes,
               scales, zeros, groups);
}

void dequantize(const uint8_t* codes, const float* scales, const uint8_t* zeros, const Grid& grid, float* w, size_t N, size_t K) {
  if (N * K == 0) return;
  simt::launch("dequantize", dequantize_kernel, simt::blocks(N * K, kThreads), kThreads, 0, codes, scales, zeros, grid.group, w,
               N * K);
}

void fake_quantize(const void* w, DType type, const Grid& grid, const float* s, float* out, size_t N, size_t K) {
  const size_t groups = N * (K / grid.group);
  if (groups == 0) return;
  const Temporary<float> factors(s, s == nullptr ? 0 : K);
  simt::launch("fakeQuantize", fake_quantize_kernel, simt::blocks(groups, kThreads / 32), kThreads, 0, w, type, grid,
               s == nullptr ? nullptr : factors.data(), out, groups, K);
}

uint8_t largest_code(const uint8_t* codes, size_t n) {
  if (n == 0) return 0;
  Temporary<unsigned> largest(1);
  largest.clear();
  simt::launch("largest code", largest_code_kernel, std::min(simt::blocks(n, kThreads), 1024u), kThreads, 0, codes, n,
               largest.data());
  unsigned found = 0;
  largest.read(&found);
  return static_cast<uint8_t>(found);
}

}  // namespace salient
