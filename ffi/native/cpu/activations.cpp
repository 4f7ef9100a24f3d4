// Activations of MLPs, and the cap of scores. Each function goes over one array in place.

#include <cmath>
#include <cstring>

#include "elementwise.h"
#include "row_pieces.h"
#include "softcap_row.h"
#include "vector_math.h"

namespace salient {

namespace {

SALIENT_VECTORIZED void silu(float* x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = x[i] / (1.0f + exp_f32(-x[i]));
}

// x * sigmoid(2u) is 0.5 x (1 + tanh(u)) without the cancellation.
SALIENT_VECTORIZED void gelu_tanh(float* x, size_t n) {
  constexpr float kTwiceRoot = 1.5957691216057308f;  // 2 sqrt(2 / pi)
  for (size_t i = 0; i < n; i++) {
    const float twice = kTwiceRoot * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
    x[i] = x[i] / (1.0f + exp_f32(-twice));
  }
}

void gelu(float* x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double value = x[i];
    x[i] = static_cast<float>(0.5 * value * std::erfc(-value * 0.70710678118654752));
  }
}

// NaN stays NaN.
SALIENT_VECTORIZED void relu(float* x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = x[i] < 0.0f ? 0.0f : x[i];
}

SALIENT_VECTORIZED void relu2(float* x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = x[i] < 0.0f ? 0.0f : x[i] * x[i];
}

SALIENT_VECTORIZED void quick_gelu(float* x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = x[i] / (1.0f + exp_f32(-1.702f * x[i]));
}

SALIENT_VECTORIZED void multiply(float* x, const float* factors, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factors[i];
}

using InPlace = void (*)(float* x, size_t n);

InPlace function_of(Activation activation) {
  switch (activation) {
    case Activation::Silu: return silu;
    case Activation::Gelu: return gelu;
    case Activation::GeluTanh: return gelu_tanh;
    case Activation::Relu: return relu;
    case Activation::Relu2: return relu2;
    case Activation::QuickGelu: return quick_gelu;
  }
  return silu;  // the caller has checked the number
}

constexpr size_t kBlock = 1024;  // elements that stay in the nearest cache between two passes

}  // namespace

SALIENT_VECTORIZED void softcap_row(float* x, size_t n, float cap) {
  for (size_t i = 0; i < n; i++) x[i] = cap * tanh_f32(x[i] / cap);
}

void softcap(float* x, size_t n, float cap) {
  parallel_for(n, kPiece, [=](size_t begin, size_t end) { softcap_row(x + begin, end - begin, cap); });
}

void activate(float* x, size_t n, Activation activation) {
  const InPlace run = function_of(activation);
  parallel_for(n, kPiece, [=](size_t begin, size_t end) { run(x + begin, end - begin); });
}

void gated_activation(const float* gate, const float* up, float* out, size_t n, Activation activation) {
  const InPlace run = function_of(activation);
  parallel_for(n, kPiece, [=](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i += kBlock) {
      const size_t count = std::min(kBlock, end - i);
      std::memcpy(out + i, gate + i, count * sizeof(float));
      run(out + i, count);
      multiply(out + i, up + i, count);
    }
  });
}

}  // namespace salient
