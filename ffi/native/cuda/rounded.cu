// Products of inputs that are rounded to whole numbers first. The integers are multiplied as floats, which hold them,
// and their products with a weight's integers, exactly; a row's scale comes last.
#include "memory.h"
#include "numbers.h"

namespace salient {

// layers.cpp
size_t packed_outputs(const Packed* packed);
size_t packed_inputs(const Packed* packed);

namespace {

constexpr unsigned kThreads = 256;

// One block for a row: out = integers, or, with `values`, integers * scale; scales [T], NaN for a row without one.
__global__ void round_rows(const float* x, float* out, float* scales, size_t K, float most, float fixed, bool values) {
  __shared__ float parts[kThreads / 32];
  __shared__ int nan;
  const float* row = x + blockIdx.x * K;
  if (threadIdx.x == 0) nan = 0;
  __syncthreads();
  float largest = 0;
  for (size_t k = threadIdx.x; k < K; k += kThreads) {
    if (row[k] != row[k]) atomicOr(&nan, 1);
    largest = fmaxf(largest, fabsf(row[k]));
  }
  largest = warp_max(largest);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = largest;
  __syncthreads();
  for (unsigned w = 0; w < kThreads / 32; w++) largest = fmaxf(largest, parts[w]);
  const bool none = nan != 0 || (fixed == 0 && isinf(largest));
  const float scale = none ? NAN : fixed != 0 ? fixed : __fdiv_rn(fmaxf(largest, 1e-5f), most);
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
  for (size_t k = threadIdx.x; k < K; k += kThreads) {
    const float whole = none ? 0.0f : fminf(fmaxf(rintf(__fdiv_rn(row[k], scale)), -most - 1), most);
    out[blockIdx.x * K + k] = values ? whole * scale : whole;
  }
}

__global__ void scale_outputs(float* y, const float* scales, const float* bias, size_t T, size_t N) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= T * N) return;
  const float value = y[i] * scales[i / N];
  y[i] = bias != nullptr ? value + bias[i % N] : value;
}

void round_all(const float* x, float* out, float* scales, size_t T, size_t K, uint32_t bits, float fixed, bool values) {
  const float most = static_cast<float>((1 << (bits - 1)) - 1);
  simt::launch("rounded inputs", round_rows, static_cast<unsigned>(T), kThreads, 0, x, out, scales, K, most, fixed, values);
}

}  // namespace

void round_inputs(const float* x, float* out, size_t T, size_t K, uint32_t bits, float scale) {
  const Temporary<float> scales(T);
  round_all(x, out, scales.data(), T, K, bits, scale, true);
}

void packed_linear_rounded(const Packed* packed, const float* x, const float* bias, float* y, size_t T, uint32_t bits,
                           float scale) {
  const size_t N = packed_outputs(packed), K = packed_inputs(packed);
  const Temporary<float> integers(T * K), scales(T);
  round_all(x, integers.data(), scales.data(), T, K, bits, scale, false);
  packed_linear(packed, integers.data(), nullptr, y, T);
  simt::launch("scaled outputs", scale_outputs, simt::blocks(T * N, kThreads), kThreads, 0, y, scales.data(), bias, T, N);
}

}  // namespace salient
