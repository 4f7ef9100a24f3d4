// The error of rounded scales and its gradient by the straight-through estimate (see Ops.scaleGradient).
//
// With P = D G the loss is D . P and its slope by D is 2 P, so a call costs one product of the weight with the
// Gram, or two with the sample. All else is a walk over the weight.
#include <cmath>
#include <limits>
#include <vector>

#include "energy.h"
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr float kNoBound = std::numeric_limits<float>::infinity();
constexpr size_t kBand = 120;  // rows of a piece, a multiple of every level's tile rows
constexpr float kMinRange = 1e-5f;

// out [rows, columns of `right`] = left times `right` [depth of left][stride], `left` in blocks.
void times_columns(const Level& level, const float* blocked, size_t rows, const float* right, size_t depth, size_t width,
                   float* out) {
  Scratch room(Scratch::room_for<float>(right_size(level, kDepth, kDepth)));
  float* panel = room.take<float>(right_size(level, kDepth, kDepth));
  for (size_t k = 0; k < depth; k += kDepth) {
    const size_t some = std::min(kDepth, depth - k);
    for (size_t c = 0; c < width; c += kDepth) {
      const size_t columns = std::min(kDepth, width - c);
      right_of_columns(level, right + k * width + c, width, some, columns, 1.0f, panel);
      level.product(blocked + k / kDepth * rows * kStride, rows, panel, columns, some, out + c, width, k > 0);
    }
  }
}

// out [rows, T] = d X^T for the sample X [T, K], d in blocks.
void times_rows(const Level& level, const float* blocked, size_t rows, const Moment& moment, size_t K, float* out) {
  Scratch room(Scratch::room_for<float>(right_size(level, kDepth, kDepth)) +
               Scratch::room_for<float>(level.panel * kStride));
  float* panel = room.take<float>(right_size(level, kDepth, kDepth));
  float* buffer = room.take<float>(level.panel * kStride);
  for (size_t t = 0; t < moment.rows; t += kDepth) {
    const size_t columns = std::min(kDepth, moment.rows - t);
    for (size_t k = 0; k < K; k += kDepth) {
      const size_t depth = std::min(kDepth, K - k);
      right_of_rows(level, moment.data + t * K, DType::F32, K, k, depth, columns, false, buffer, panel);
      level.product(blocked + k / kDepth * rows * kStride, rows, panel, columns, depth, out + t, moment.rows, k > 0);
    }
  }
}

// p [rows, K] = d G.
void difference_products(const Level& level, const float* d, size_t rows, const Moment& moment, size_t K, float* p) {
  Scratch room(Scratch::room_for<float>(blocked_size(rows, K)));
  float* blocked = room.take<float>(blocked_size(rows, K));
  for (size_t m = 0; m < rows; ++m) put_blocked(d + m * K, K, m, rows, blocked);
  if (!moment.tokens) return times_columns(level, blocked, rows, moment.data, K, K, p);
  const size_t T = moment.rows;
  std::fill(p, p + rows * K, 0.0f);
  if (T == 0) return;
  Scratch more(Scratch::room_for<float>(rows * T) + Scratch::room_for<float>(blocked_size(rows, T)));
  float* outputs = more.take<float>(rows * T);
  float* left = more.take<float>(blocked_size(rows, T));
  times_rows(level, blocked, rows, moment, K, outputs);
  for (size_t m = 0; m < rows; ++m) put_blocked(outputs + m * T, T, m, rows, left);
  times_columns(level, left, rows, moment.data, T, K, p);
  level.scale(p, rows * K, static_cast<float>(moment.weight));
}

// Adds what one group of a row gives to the gradient: w, s, p and gradient begin at the group.
void add_group(const float* w, const float* s, const float* p, const Grid& grid, float scale, float zero,
               double* gradient) {
  const float most = static_cast<float>((1u << grid.bits) - 1);
  const bool open = grid.symmetric || grid.range_zero;
  float min = open ? 0.0f : std::numeric_limits<float>::infinity(), max = open ? 0.0f : -min;
  size_t low = grid.group, high = grid.group;  // none: 0 bounds the range
  double by_scale = 0, by_zero = 0;
  for (size_t k = 0; k < grid.group; ++k) {
    const float v = w[k] * s[k];
    if (v < min) { min = v; low = k; }
    if (v > max) { max = v; high = k; }
    const double slope = 2.0 * static_cast<double>(p[k]), by_value = -slope / s[k];
    const float code = std::nearbyint(v / scale) + zero;
    const bool inside = code >= 0 && code <= most;
    const double steps = static_cast<double>((code > most ? most : code > 0 ? code : 0) - zero);
    gradient[k] += slope * steps * scale / s[k] + (inside ? by_value * v : 0.0);
    by_scale += by_value * (steps - (inside ? static_cast<double>(v) / scale : 0.0));
    if (!inside) by_zero -= by_value * scale;
  }
  const double lowest = low < grid.group ? min : 0.0, highest = high < grid.group ? max : 0.0;
  if (grid.symmetric) {
    const size_t end = -lowest > highest ? low : high;
    const double magnitude = std::max(-lowest, highest);
    if (end == grid.group || magnitude < static_cast<double>(kMinRange)) return;
    gradient[end] += by_scale * magnitude / ((1u << (grid.bits - 1)) - 1);
    return;
  }
  double by_low = 0, by_high = 0;
  const float wanted = std::nearbyint(static_cast<float>(-lowest) / scale);
  if (wanted >= 0 && wanted <= most) {
    by_low -= by_zero / scale;
    by_scale += by_zero * lowest / (static_cast<double>(scale) * scale);
  }
  if (static_cast<float>(highest) - static_cast<float>(lowest) >= kMinRange) {
    by_low -= by_scale / most;
    by_high += by_scale / most;
  }
  if (low < grid.group) gradient[low] += by_low * lowest;
  if (high < grid.group) gradient[high] += by_high * highest;
}

}  // namespace

double scale_gradient(const void* w, DType type, const Moment& moment, const Grid& grid, const float* s,
                      double* gradient, size_t N, size_t K) {
  const Level& level = salient::level();
  const size_t bands = (N + kBand - 1) / kBand, groups = K / grid.group;
  // Each piece has sums of its own, so that the result does not depend on the number of threads.
  std::vector<double> sums(bands * K, 0.0), losses(bands, 0.0);
  parallel_for(N, kBand, [&](size_t begin, size_t end) {
    const size_t rows = end - begin;
    Scratch room(2 * Scratch::room_for<float>(rows * K) + 2 * Scratch::room_for<float>(rows * groups) +
                 Scratch::room_for<float>(K));
    float* d = room.take<float>(rows * K);
    float* p = room.take<float>(rows * K);
    float* scales = room.take<float>(rows * groups);
    float* zeros = room.take<float>(rows * groups);
    float* buffer = room.take<float>(K);
    for (size_t m = 0; m < rows; ++m) {
      const float* row = row_f32(level, w, type, begin + m, K, buffer);
      for (size_t g = 0; g < groups; ++g) {
        const size_t k = g * grid.group;
        float* scale = &scales[m * groups + g];
        float* zero = &zeros[m * groups + g];
        level.fit(row + k, s + k, grid.group, grid, kNoBound, scale, zero);
        level.rounded(row + k, s + k, grid.group, grid, kNoBound, *scale, *zero, true, d + m * K + k);
      }
    }
    difference_products(level, d, rows, moment, K, p);
    double* sum = &sums[begin / kBand * K];
    for (size_t m = 0; m < rows; ++m) {
      losses[begin / kBand] += level.dot(d + m * K, p + m * K, K);
      const float* row = row_f32(level, w, type, begin + m, K, buffer);
      for (size_t g = 0; g < groups; ++g) {
        const size_t k = g * grid.group;
        add_group(row + k, s + k, p + m * K + k, grid, scales[m * groups + g], zeros[m * groups + g], sum + k);
      }
    }
  });
  std::fill(gradient, gradient + K, 0.0);
  double loss = 0;
  for (size_t b = 0; b < bands; ++b) {
    loss += losses[b];
    for (size_t k = 0; k < K; ++k) gradient[k] += sums[b * K + k];
  }
  return loss;
}

}  // namespace salient
