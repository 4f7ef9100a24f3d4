// See prepare_rows.h.
#include "prepare_rows.h"

namespace salient::cuda {
namespace {

constexpr u32 kThreads = 256;

// Largest of every thread's value, in every thread.
__device__ float block_max(float value, float* shared) {
  for (int i = 16; i > 0; i /= 2) value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, i));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = shared[threadIdx.x % (kThreads / 32)];
  for (int i = kThreads / 64; i > 0; i /= 2) value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, i));
  return value;
}

// One block for a row.
__global__ void __launch_bounds__(kThreads) prepare(const void* rows, Element type, uint16_t* out, Element out_type,
                                                    float* row_scales, Spread s) {
  __shared__ float shared[kThreads / 32];
  const size_t row = blockIdx.x;
  float factor = 1.0f;
  if (row_scales != nullptr) {
    float largest = 0.0f;
    bool good = true;
    for (u32 k = threadIdx.x; k < s.K; k += kThreads) {
      const float size = fabsf(load_element(rows, type, row * s.K + k));
      good = good && size <= 3.40282347e38f;
      largest = fmaxf(largest, size);
    }
    largest = block_max(good ? largest : __uint_as_float(0x7f800000u), shared);
    if (largest > 0.0f && largest <= 3.40282347e38f) {
      // 2^(14 - e) of largest in [2^e, 2^(e + 1)), from the exponents' bits.
      const int e = max(static_cast<int>(__float_as_uint(largest) >> 23) - 127, -100);
      factor = __uint_as_float(static_cast<u32>(14 - e + 127) << 23);
    }
    if (threadIdx.x == 0) row_scales[row] = 1.0f / factor;
  }
  for (u32 i = threadIdx.x; i < s.width; i += kThreads) {
    const u32 k = i / s.padded_group * s.group + i % s.padded_group;
    const bool there = i % s.padded_group < s.group && i / s.padded_group * s.group < s.K && k < s.K;
    const float value = there ? load_element(rows, type, row * s.K + k) * factor : 0.0f;
    out[row * s.width + (s.interleaved ? interleaved_place(i) : i)] = static_cast<uint16_t>(out_type == Element::F16 ? f16_of(value) : bf16_of(value));
  }
}

}  // namespace

void prepare_rows(const void* rows, Element type, uint16_t* out, Element out_type, float* row_scales, u32 T,
                  const Spread& spread) {
  if (T == 0 || spread.width == 0) return;
  simt::launch("prepare rows", prepare, T, kThreads, 0, rows, type, out, out_type, row_scales, spread);
}

}  // namespace salient::cuda
