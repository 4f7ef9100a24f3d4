// y = x W^T in fp32 for a few rows of x, as when decoding with a weight that is not quantized: bound by reading W.
//
// A warp takes four outputs. Its lanes take eight neighbouring inputs each of all four rows, so that what is read of x is used
// four times, and the lanes' sums are added at the end in a fixed order.
#include "real_product.h"

namespace salient::cuda {
namespace {

constexpr u32 kOutputs = 4, kWarps = 4, kVector = 8;

__device__ __forceinline__ void load_eight(const void* data, Element type, size_t at, float (&values)[kVector]) {
  const float4 first = load_four(data, type, at), second = load_four(data, type, at + 4);
  values[0] = first.x, values[1] = first.y, values[2] = first.z, values[3] = first.w;
  values[4] = second.x, values[5] = second.y, values[6] = second.z, values[7] = second.w;
}

template <u32 rows>
__global__ void __launch_bounds__(32 * kWarps) few_rows(RealProduct p, u32 vectors) {
  const u32 lane = threadIdx.x % 32, first = (blockIdx.x * kWarps + threadIdx.x / 32) * kOutputs;
  if (first >= p.N) return;
  float sums[kOutputs][rows] = {};
  for (u32 i = lane; i < vectors; i += 32) {
    float w[kOutputs][kVector];
#pragma unroll
    for (u32 o = 0; o < kOutputs; ++o) {
      load_eight(p.w, p.w_type, static_cast<size_t>(min(first + o, p.N - 1)) * p.K + i * kVector, w[o]);
    }
#pragma unroll
    for (u32 t = 0; t < rows; ++t) {
      if (t >= p.T) break;
      float x[kVector];
      load_eight(p.x, p.x_type, static_cast<size_t>(t) * p.K + i * kVector, x);
#pragma unroll
      for (u32 o = 0; o < kOutputs; ++o) {
#pragma unroll
        for (u32 e = 0; e < kVector; ++e) sums[o][t] = fmaf(w[o][e], x[e], sums[o][t]);
      }
    }
  }
  // What no vector of eight holds, or all of it where rows do not start on 16 bytes.
  for (u32 k = vectors * kVector + lane; k < p.K; k += 32) {
#pragma unroll
    for (u32 o = 0; o < kOutputs; ++o) {
      const float w = load_element(p.w, p.w_type, static_cast<size_t>(min(first + o, p.N - 1)) * p.K + k);
#pragma unroll
      for (u32 t = 0; t < rows; ++t) {
        if (t < p.T) sums[o][t] = fmaf(w, load_element(p.x, p.x_type, static_cast<size_t>(t) * p.K + k), sums[o][t]);
      }
    }
  }
#pragma unroll
  for (u32 o = 0; o < kOutputs; ++o) {
#pragma unroll
    for (u32 t = 0; t < rows; ++t) {
      float sum = sums[o][t];
      for (int i = 16; i > 0; i /= 2) sum += __shfl_xor_sync(kAllLanes, sum, i);
      if (lane != 0 || t >= p.T || first + o >= p.N) continue;
      if (p.row_scales != nullptr) sum *= p.row_scales[t];
      if (p.bias != nullptr) sum += p.bias[first + o];
      store_element(p.y, p.y_type, static_cast<size_t>(t) * p.N + first + o, sum);
    }
  }
}

bool vectors_fit(const void* data, Element type, u32 K) {
  const bool known = type == Element::F32 || type == Element::F16 || type == Element::BF16;
  return known && K % 4 == 0 && reinterpret_cast<uintptr_t>(data) % 16 == 0;
}

}  // namespace

void few_rows_product(const RealProduct& p) {
  if (p.T == 0 || p.N == 0) return;
  const bool fit = vectors_fit(p.w, p.w_type, p.K) && vectors_fit(p.x, p.x_type, p.K);
  const u32 vectors = fit ? p.K / kVector : 0, blocks = simt::blocks(p.N, kOutputs * kWarps);
  if (p.T == 1) simt::launch("product of one row", few_rows<1>, blocks, 32 * kWarps, 0, p, vectors);
  else if (p.T <= 4) simt::launch("product of few rows", few_rows<4>, blocks, 32 * kWarps, 0, p, vectors);
  else simt::launch("product of few rows", few_rows<kFewRows>, blocks, 32 * kWarps, 0, p, vectors);
}

}  // namespace salient::cuda
