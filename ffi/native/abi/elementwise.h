// The simple operations: one pass over rows. Sizes are checked by the caller.
#pragma once

#include "kernels.h"

namespace salient {

enum class Activation : uint32_t { Silu, Gelu, GeluTanh, Relu, Relu2, QuickGelu };
constexpr uint32_t kActivations = 6;

// out [count, H]: rows `ids` of a table [V, H] of any float type. ids are checked by the caller.
void embed(const void* table, DType type, const int32_t* ids, float* out, size_t count, size_t V, size_t H);
// x [T, H] / sqrt(mean(x^2) + eps) * (weight [H] + offset). weight of any float type.
void rms_norm(const float* x, const void* weight, DType type, float* out, size_t T, size_t H, double eps,
              double offset);
// (x [T, H] - mean) / sqrt(variance + eps) * weight [H] + bias [H], of any float type or null.
void layer_norm(const float* x, const void* weight, DType weight_type, const void* bias, DType bias_type, float* out,
                size_t T, size_t H, double eps);
// x [T, heads * head_dim] in place; table [positions, R]; T = sequences * rows of one. interleaved: pairs are
// neighbours.
void rope(float* x, const float* table, size_t positions, size_t T, size_t heads, size_t head_dim, size_t sequences,
          size_t start, size_t R, bool interleaved);
void gated_activation(const float* gate, const float* up, float* out, size_t n, Activation activation);
// In place.
void activate(float* x, size_t n, Activation activation);
// x = cap tanh(x / cap), in place.
void softcap(float* x, size_t n, float cap);
// out [T, count]: columns of x [T, K], zeros for -1. columns are checked by the caller.
void select_columns(const float* x, const int32_t* columns, float* out, size_t T, size_t K, size_t count);
// target[rows[i]] += weights[i] * source[i] for count rows of K, in the order of i. rows are checked by the caller.
void add_rows(float* target, const float* source, const int32_t* rows, const float* weights, size_t count, size_t K);
void add_in_place(float* x, const float* y, size_t n);
// losses [T]: log(sum(exp(logits))) - logits[target], 0 where the target is -1. logits [T, V].
void negative_log_likelihood(const float* logits, const int32_t* targets, double* losses, size_t T, size_t V);
void accumulate_abs(const float* x, double* sum, float* max, size_t T, size_t K);
void scale_columns(const void* w, DType type, const float* factors, float* out, size_t N, size_t K);
void scale_rows(const void* w, DType type, const float* factors, float* out, size_t N, size_t K);
void scale_gram(float* gram, const float* factors, size_t K);

struct Summary {
  uint64_t non_finite = 0;
  float abs_max = 0;
  uint64_t zero_columns = 0;
};
Summary summarize(const void* w, DType type, size_t N, size_t K);

// n elements of any float type to F32, F16 or BF16, half to even, in pieces that share nothing.
void convert(const void* source, DType from, void* target, DType to, size_t n);

}  // namespace salient
