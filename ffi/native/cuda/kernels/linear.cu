// y = x W^T + bias of a weight that is not quantized, and the product of 8-bit integers: which kernel serves.
#include "multiprocessors.h"
#include "prepare_rows.h"
#include "real_product.h"
#include "tensor_product.h"

#include <algorithm>

namespace salient::cuda {
namespace {

Element half_of(Precision precision) { return precision == Precision::Fp16 ? Element::F16 : Element::BF16; }

// A tensor-core product reads rows of `width` elements that start on 16 bytes: what does not lie so is written anew.
struct Plan {
  u32 width;
  bool x_prepared, w_prepared;
  size_t x_bytes, scale_bytes, w_bytes;
};

Plan plan_of(Element x_type, Element w_type, Element half, u32 T, u32 K, u32 N) {
  Plan plan{};
  plan.width = static_cast<u32>(round_up(K, 8));
  plan.x_prepared = x_type != half || plan.width != K;
  plan.w_prepared = w_type != half || plan.width != K;
  if (plan.x_prepared) plan.x_bytes = round_up(size_t{2} * T * plan.width, 256);
  if (x_type != half && half == Element::F16) plan.scale_bytes = round_up(size_t{4} * T, 256);
  if (plan.w_prepared) plan.w_bytes = size_t{2} * N * plan.width;
  return plan;
}

// For rows that do not start on 16 bytes: a thread for each result.
__global__ void int8_rows(const int8_t* x, const int8_t* w, TensorProduct p) {
  const u32 n = blockIdx.x * 32 + threadIdx.x % 32, t = blockIdx.y * 8 + threadIdx.x / 32;
  if (n >= p.N || t >= p.T) return;
  int sum = 0;
  for (u32 k = 0; k < p.row_bytes; ++k) {
    sum += static_cast<int>(x[static_cast<size_t>(t) * p.row_bytes + k]) * w[static_cast<size_t>(n) * p.row_bytes + k];
  }
  float value = static_cast<float>(sum) * p.row_scales[t] * p.column_scales[n];
  if (p.bias != nullptr) value += p.bias[n];
  store_element(p.y, p.y_type, static_cast<size_t>(t) * p.N + n, value);
}

}  // namespace

size_t linear_workspace(Element x_type, Element w_type, Precision precision, uint32_t T, uint32_t K, uint32_t N) {
  if (precision == Precision::Fp32) return 0;
  const Plan plan = plan_of(x_type, w_type, half_of(precision), T, K, N);
  return plan.x_bytes + plan.scale_bytes + plan.w_bytes;
}

void linear(const void* x, Element x_type, const void* w, Element w_type, const float* bias, void* y, Element y_type,
            uint32_t T, uint32_t K, uint32_t N, Precision precision, const Workspace& workspace) {
  if (precision == Precision::Fp32) {
    const RealProduct product{x, x_type, w, w_type, nullptr, bias, y, y_type, T, K, N};
    if (T <= kFewRows) few_rows_product(product);
    else real_product(product);
    return;
  }
  const Element half = half_of(precision);
  const Plan plan = plan_of(x_type, w_type, half, T, K, N);
  auto* memory = static_cast<unsigned char*>(workspace.data);
  float* scales = plan.scale_bytes > 0 ? reinterpret_cast<float*>(memory + plan.x_bytes) : nullptr;
  const void *left = x, *right = w;
  if (plan.x_prepared) {
    prepare_rows(x, x_type, reinterpret_cast<uint16_t*>(memory), half, scales, T, {K, K, plan.width, plan.width});
    left = memory;
  }
  if (plan.w_prepared) {
    unsigned char* to = memory + plan.x_bytes + plan.scale_bytes;
    prepare_rows(w, w_type, reinterpret_cast<uint16_t*>(to), half, nullptr, N, {K, K, plan.width, plan.width});
    right = to;
  }
  if (T <= kFewRows) {
    few_rows_product({left, half, right, half, scales, bias, y, y_type, T, plan.width, N});
    return;
  }
  // Rows may begin anywhere: those of a part of a tensor that was given another shape.
  if ((reinterpret_cast<uintptr_t>(left) | reinterpret_cast<uintptr_t>(right)) % 16 != 0) {
    real_product({left, half, right, half, scales, bias, y, y_type, T, plan.width, N});
    return;
  }
  tensor_product(half, {static_cast<const unsigned char*>(left), static_cast<const unsigned char*>(right), scales, nullptr,
                        bias, y, y_type, T, N, plan.width * 2, N});
}

void int8_linear(const int8_t* x, const float* x_scales, const int8_t* w, const float* w_scales, const float* bias, void* y,
                 Element y_type, uint32_t T, uint32_t K, uint32_t N) {
  const TensorProduct product{reinterpret_cast<const unsigned char*>(x), reinterpret_cast<const unsigned char*>(w), x_scales,
                              w_scales, bias, y, y_type, T, N, K, N};
  const bool aligned = (reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(w)) % 16 == 0;
  if (K % 16 == 0 && aligned) {
    tensor_product(Element::I8, product);
    return;
  }
  constexpr u32 kMostRows = 65535 * 8;  // of a grid's second axis
  for (u32 first = 0; first < T && N > 0; first += kMostRows) {
    TensorProduct some = product;
    some.T = std::min(T - first, kMostRows);
    some.row_scales += first;
    some.y = static_cast<char*>(y) + static_cast<size_t>(first) * N * element_bytes(y_type);
    simt::launch("int8 product of unaligned rows", int8_rows, dim3(simt::blocks(N, 32), simt::blocks(some.T, 8)), 256, 0,
                 x + static_cast<size_t>(first) * K, w, some);
  }
}

}  // namespace salient::cuda
