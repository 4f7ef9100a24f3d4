// See prepare_rows.h.
#include "prepare_rows.h"

#include <algorithm>

#include "multiprocessors.h"

namespace salient::cuda {
namespace {

constexpr u32 kThreads = 256, kMostThreads = 1024;
// Fours of a row that a thread keeps in registers from the pass that looks for the largest to the one that writes.
constexpr u32 kKept = 8;
constexpr float kMostFinite = 3.40282347e38f;

// The power of two for a row, in every thread, from each thread's largest magnitude; infinite: there is one that is not
// finite. Its inverse is the row's scale.
__device__ __forceinline__ float row_factor(float largest, float* row_scale) {
  __shared__ float shared[32];
  const u32 warps = blockDim.x / 32, lane = threadIdx.x % 32;
  for (int i = 16; i > 0; i /= 2) largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, i));
  if (lane == 0) shared[threadIdx.x / 32] = largest;
  __syncthreads();
  largest = lane < warps ? shared[lane] : 0.0f;
  for (int i = 16; i > 0; i /= 2) largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, i));
  float factor = 1.0f;
  if (largest > 0.0f && largest <= kMostFinite) {
    // 2^(14 - e) of largest in [2^e, 2^(e + 1)), from the exponents' bits.
    const int e = max(static_cast<int>(__float_as_uint(largest) >> 23) - 127, -100);
    factor = __uint_as_float(static_cast<u32>(14 - e + 127) << 23);
  }
  if (threadIdx.x == 0) *row_scale = 1.0f / factor;
  return factor;
}

__device__ __forceinline__ float magnitude(float value) {
  const float size = fabsf(value);
  return size <= kMostFinite ? size : __uint_as_float(0x7f800000u);
}

// One block for a row whose inputs stay where they are, four at a time. With one token a row is all the work there is, and
// waiting for memory all the time it takes: so every load is on its way before the first is used, and none is made twice.
template <Element type>
__global__ void __launch_bounds__(kMostThreads) prepare_fours(const void* rows, uint16_t* out, Element out_type, float* row_scales,
                                                              Spread s) {
  const size_t row = blockIdx.x;
  const u32 fours = s.K / 4, step = blockDim.x;
  float4 kept[kKept];
#pragma unroll
  for (u32 j = 0; j < kKept; ++j) {
    const u32 at = threadIdx.x + j * step;
    if (at < fours) kept[j] = load_four(rows, type, row * s.K + size_t{4} * at);
    else kept[j] = make_float4(0, 0, 0, 0);
  }
  const auto largest_of = [](float4 v) { return fmaxf(fmaxf(magnitude(v.x), magnitude(v.y)), fmaxf(magnitude(v.z), magnitude(v.w))); };
  float factor = 1.0f;
  if (row_scales != nullptr) {
    float largest = 0.0f;
#pragma unroll
    for (u32 j = 0; j < kKept; ++j) largest = fmaxf(largest, largest_of(kept[j]));
    for (u32 at = threadIdx.x + kKept * step; at < fours; at += step) {
      largest = fmaxf(largest, largest_of(load_four(rows, type, row * s.K + size_t{4} * at)));
    }
    factor = row_factor(largest, row_scales + row);
  }
  uint16_t* to = out + row * s.width;
  const auto write = [&](u32 at, float4 v) {
    const u32 i = 4 * at, first = s.interleaved ? interleaved_place(i) : i, second = s.interleaved ? interleaved_place(i + 2) : i + 2;
    const bool f16 = out_type == Element::F16;
    *reinterpret_cast<u32*>(to + first) = f16 ? pack_f16(v.x * factor, v.y * factor) : pack_bf16(v.x * factor, v.y * factor);
    *reinterpret_cast<u32*>(to + second) = f16 ? pack_f16(v.z * factor, v.w * factor) : pack_bf16(v.z * factor, v.w * factor);
  };
#pragma unroll
  for (u32 j = 0; j < kKept; ++j) {
    const u32 at = threadIdx.x + j * step;
    if (at < fours) write(at, kept[j]);
  }
  for (u32 at = threadIdx.x + kKept * step; at < fours; at += step) write(at, load_four(rows, type, row * s.K + size_t{4} * at));
  for (u32 i = s.K + threadIdx.x; i < s.width; i += step) to[s.interleaved ? interleaved_place(i) : i] = 0;
}

// One block for a row, whatever it is.
__global__ void __launch_bounds__(kThreads) prepare(const void* rows, Element type, uint16_t* out, Element out_type,
                                                    float* row_scales, Spread s) {
  const size_t row = blockIdx.x;
  float factor = 1.0f;
  if (row_scales != nullptr) {
    float largest = 0.0f;
    for (u32 k = threadIdx.x; k < s.K; k += kThreads) largest = fmaxf(largest, magnitude(load_element(rows, type, row * s.K + k)));
    factor = row_factor(largest, row_scales + row);
  }
  for (u32 i = threadIdx.x; i < s.width; i += kThreads) {
    const u32 k = i / s.padded_group * s.group + i % s.padded_group;
    const bool there = i % s.padded_group < s.group && i / s.padded_group * s.group < s.K && k < s.K;
    const float value = there ? load_element(rows, type, row * s.K + k) * factor : 0.0f;
    const size_t to = row * s.width + (s.interleaved ? interleaved_place(i) : i);
    out[to] = static_cast<uint16_t>(out_type == Element::F16 ? f16_of(value) : bf16_of(value));
  }
}

}  // namespace

void prepare_rows(const void* rows, Element type, uint16_t* out, Element out_type, float* row_scales, u32 T,
                  const Spread& spread) {
  if (T == 0 || spread.width == 0) return;
  const bool straight = spread.group == spread.padded_group || spread.group >= spread.K;
  const bool sixteen = type == Element::F16 || type == Element::BF16;
  // A row begins on what load_four asks for, and pairs are written as words.
  const bool aligned = reinterpret_cast<uintptr_t>(rows) % (sixteen ? 8 : 16) == 0 && reinterpret_cast<uintptr_t>(out) % 4 == 0 &&
                       spread.K % 4 == 0 && spread.width % 2 == 0;
  if (!straight || !aligned || !(sixteen || type == Element::F32)) {
    simt::launch("prepare rows", prepare, T, kThreads, 0, rows, type, out, out_type, row_scales, spread);
    return;
  }
  // As many threads as a row has fours, unless there are rows for everyone: then as many as keep all of it.
  const u32 fours = spread.K / 4, each = T >= multiprocessors() ? std::max(kThreads, (fours + kKept - 1) / kKept) : fours;
  const u32 threads = std::clamp((each + 31) / 32 * 32, 32u, kMostThreads);
  const auto kernel = type == Element::F32 ? prepare_fours<Element::F32>
                      : type == Element::F16 ? prepare_fours<Element::F16>
                                             : prepare_fours<Element::BF16>;
  simt::launch("prepare rows", kernel, T, threads, 0, rows, out, out_type, row_scales, spread);
}

}  // namespace salient::cuda
