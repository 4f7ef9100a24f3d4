// Float types by their bits, on the device and on the host.
#pragma once

#include "../abi/kernels.h"
#include "simt.h"

namespace salient {

__device__ __forceinline__ float float_of(uint32_t bits) { return __uint_as_float(bits); }
__device__ __forceinline__ uint32_t bits_of(float value) { return __float_as_uint(value); }

__device__ __forceinline__ float from_f16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
  if (rest >= 0x7c00) return float_of(sign | 0x7f800000u | rest << 13);
  return float_of(sign | bits_of(float_of(rest << 13) * 0x1p112f));
}

// Half to even; what is too large becomes infinite.
__device__ __forceinline__ uint16_t to_f16(float value) {
  const uint32_t bits = bits_of(value), rest = bits & 0x7fffffffu;
  const uint32_t sign = bits >> 16 & 0x8000u;
  if (rest > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (rest >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (rest < 0x38800000u) {
    // Below the normal ones: adding 0.5 leaves as many bits as there are there, rounded half to even.
    return static_cast<uint16_t>(sign | (bits_of(float_of(rest) + 0.5f) - 0x3f000000u));
  }
  return static_cast<uint16_t>(sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1)) >> 13);
}

__device__ __forceinline__ float from_bf16(uint16_t half) { return float_of(static_cast<uint32_t>(half) << 16); }
__device__ __forceinline__ uint16_t to_bf16(float value) {
  const uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

// 1 sign, 4 exponent (bias 7) and 3 mantissa bits; no infinities, NaN where all of the seven are set.
__device__ __forceinline__ float from_e4m3(uint8_t byte) {
  const uint32_t sign = static_cast<uint32_t>(byte & 0x80) << 24, rest = byte & 0x7f;
  if (rest == 0x7f) return float_of(sign | 0x7fc00000u);
  return float_of(sign | bits_of(float_of(rest << 20) * 0x1p120f));
}

// Element i of a float type.
__device__ __forceinline__ float load(const void* data, DType type, size_t i) {
  switch (type) {
    case DType::F32: return static_cast<const float*>(data)[i];
    case DType::F16: return from_f16(static_cast<const uint16_t*>(data)[i]);
    case DType::BF16: return from_bf16(static_cast<const uint16_t*>(data)[i]);
    case DType::F64: return static_cast<float>(static_cast<const double*>(data)[i]);
    default: return from_e4m3(static_cast<const uint8_t*>(data)[i]);
  }
}

// F32, F16 or BF16.
__device__ __forceinline__ void store(void* data, DType type, size_t i, float value) {
  if (type == DType::F32) static_cast<float*>(data)[i] = value;
  else static_cast<uint16_t*>(data)[i] = type == DType::F16 ? to_f16(value) : to_bf16(value);
}

// Sums of a warp: the same bits in every lane.
template <class T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}
__device__ __forceinline__ float warp_max(float value) {
  for (int distance = 16; distance > 0; distance /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, distance));
  return value;
}
__device__ __forceinline__ float warp_min(float value) {
  for (int distance = 16; distance > 0; distance /= 2) value = fminf(value, __shfl_xor_sync(0xffffffffu, value, distance));
  return value;
}

// The sum over the block's threads, in every thread. Up to 1024 threads, a multiple of 32.
__device__ __forceinline__ double block_sum(double value) {
  __shared__ double parts[32];
  value = warp_sum(value);
  __syncthreads();  // an earlier sum was read by all
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  double total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; w++) total += parts[w];
  return total;
}

}  // namespace salient
