// Elements of a type known at run time, as fp32.
#pragma once

#include "../kernels.h"
#include "warp_ops.h"

namespace salient::cuda {

__device__ __forceinline__ float e4m3_to_float(u32 byte) {
  const u32 exponent = byte >> 3 & 15, mantissa = byte & 7;
  float value;
  if ((byte & 127) == 127) value = __uint_as_float(0x7fc00000u);
  else if (exponent == 0) value = static_cast<float>(mantissa) * 0x1p-9f;
  else value = __uint_as_float((exponent + 120) << 23 | mantissa << 20);
  return (byte & 128) != 0 ? -value : value;
}

__device__ __forceinline__ float load_element(const void* data, Element type, size_t i) {
  switch (type) {
    case Element::F64: return static_cast<float>(static_cast<const double*>(data)[i]);
    case Element::F16: return f16_to_float(static_cast<const uint16_t*>(data)[i]);
    case Element::BF16: return bf16_to_float(static_cast<const uint16_t*>(data)[i]);
    case Element::F8_E4M3: return e4m3_to_float(static_cast<const uint8_t*>(data)[i]);
    default: return static_cast<const float*>(data)[i];
  }
}

// Four neighbours of F32, F16 or BF16, the first on a multiple of four elements of aligned memory.
__device__ __forceinline__ float4 load_four(const void* data, Element type, size_t i) {
  if (type == Element::F32) return *reinterpret_cast<const float4*>(static_cast<const float*>(data) + i);
  const uint2 words = *reinterpret_cast<const uint2*>(static_cast<const uint16_t*>(data) + i);
  if (type == Element::BF16) {
    return make_float4(__uint_as_float(words.x << 16), __uint_as_float(words.x & 0xffff0000u), __uint_as_float(words.y << 16),
                       __uint_as_float(words.y & 0xffff0000u));
  }
  return make_float4(f16_to_float(words.x & 0xffff), f16_to_float(words.x >> 16), f16_to_float(words.y & 0xffff),
                     f16_to_float(words.y >> 16));
}

// F32, F16 or BF16, half to even.
__device__ __forceinline__ void store_element(void* data, Element type, size_t i, float value) {
  if (type == Element::F32) static_cast<float*>(data)[i] = value;
  else if (type == Element::F16) static_cast<uint16_t*>(data)[i] = static_cast<uint16_t>(f16_of(value));
  else static_cast<uint16_t*>(data)[i] = static_cast<uint16_t>(bf16_of(value));
}

inline size_t element_bytes(Element type) {
  switch (type) {
    case Element::F64:
    case Element::I64: return 8;
    case Element::F32:
    case Element::I32: return 4;
    case Element::F16:
    case Element::BF16: return 2;
    default: return 1;
  }
}

inline size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

}  // namespace salient::cuda
