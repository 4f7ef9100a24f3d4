// Root mean square norm and layer norm.

#include <cmath>
#include <vector>

#include "elementwise.h"
#include "row_pieces.h"
#include "vector_math.h"

namespace salient {

namespace {

SALIENT_VECTORIZED double sum_of_squares(const float* x, double mean, size_t n) {
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; lane++) {
      const double value = x[i + lane] - mean;
      lanes[lane] += value * value;
    }
  }
  for (; i < n; i++) {
    const double value = x[i] - mean;
    lanes[i % kLanes] += value * value;
  }
  return add_lanes(lanes);
}

SALIENT_VECTORIZED double sum_of(const float* x, size_t n) {
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; lane++) lanes[lane] += static_cast<double>(x[i + lane]);
  }
  for (; i < n; i++) lanes[i % kLanes] += static_cast<double>(x[i]);
  return add_lanes(lanes);
}

SALIENT_VECTORIZED void normalize(const float* x, const float* weight, float factor, float* out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = x[i] * factor * weight[i];
}

// The mean is taken off in fp64: it may be large beside what is left.
SALIENT_VECTORIZED void center(const float* x, double mean, double factor, const float* weight, const float* bias,
                               float* out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = static_cast<float>((x[i] - mean) * factor) * weight[i] + bias[i];
}

// A norm's vector as fp32, or `otherwise` everywhere.
std::vector<float> vector_of(const void* data, DType type, float otherwise, size_t H) {
  std::vector<float> values(H, otherwise);
  if (data != nullptr) to_f32(data, type, values.data(), H);
  return values;
}

}  // namespace

void rms_norm(const float* x, const void* weight, DType type, float* out, size_t T, size_t H, double eps,
              double offset) {
  std::vector<float> factors = vector_of(weight, type, 1, H);
  if (offset != 0) {
    for (float& factor : factors) factor = static_cast<float>(factor + offset);
  }
  const float* weights = factors.data();
  parallel_for(T, rows_per_piece(H), [=](size_t begin, size_t end) {
    for (size_t t = begin; t < end; t++) {
      const double mean = sum_of_squares(x + t * H, 0, H) / static_cast<double>(H);
      normalize(x + t * H, weights, static_cast<float>(1.0 / std::sqrt(mean + eps)), out + t * H, H);
    }
  });
}

void layer_norm(const float* x, const void* weight, DType weight_type, const void* bias, DType bias_type, float* out,
                size_t T, size_t H, double eps) {
  const std::vector<float> factors = vector_of(weight, weight_type, 1, H);
  const std::vector<float> summands = vector_of(bias, bias_type, 0, H);
  const float *w = factors.data(), *b = summands.data();
  parallel_for(T, rows_per_piece(H), [=](size_t begin, size_t end) {
    for (size_t t = begin; t < end; t++) {
      const float* row = x + t * H;
      const double mean = sum_of(row, H) / static_cast<double>(H);
      const double variance = sum_of_squares(row, mean, H) / static_cast<double>(H);
      center(row, mean, 1.0 / std::sqrt(variance + eps), w, b, out + t * H, H);
    }
  });
}

}  // namespace salient
