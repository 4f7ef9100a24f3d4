// Errors of a weight's output, for scales, for finished integers and for nothing in its place.
#include <cmath>
#include <limits>

#include "energy.h"
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr float kNoBound = std::numeric_limits<float>::infinity();

// A loss that is no number is as bad as can be.
double or_infinity(double loss) { return std::isfinite(loss) ? loss : std::numeric_limits<double>::infinity(); }

double sum(const double* x, size_t n) {
  double total = 0;
  for (size_t i = 0; i < n; ++i) total += x[i];
  return or_infinity(total);
}

}  // namespace

void scale_losses(const void* w, DType type, const Moment& moment, const Grid& grid, const float* candidates,
                  size_t C, double* losses, size_t N, size_t K) {
  if (C == 0) return;
  const Level& level = salient::level();
  Scratch room(Scratch::room_for<double>(N * C));
  double* each = room.take<double>(N * C);
  // Row n under candidate c is number n C + c, so a row is read once for all of its candidates.
  row_energies(N * C, K, moment, each, [&](size_t begin, size_t end, const Put& put) {
    Scratch rows(2 * Scratch::room_for<float>(K));
    float* buffer = rows.take<float>(K);
    float* d = rows.take<float>(K);
    const float* row = nullptr;
    for (size_t v = begin; v < end; ++v) {
      if (v == begin || v % C == 0) row = row_f32(level, w, type, v / C, K, buffer);
      const float* s = candidates + v % C * K;
      for (size_t k = 0; k < K; k += grid.group) {
        float scale, zero;
        level.fit(row + k, s + k, grid.group, grid, kNoBound, &scale, &zero);
        level.rounded(row + k, s + k, grid.group, grid, kNoBound, scale, zero, true, d + k);
      }
      put(d);
    }
  });
  for (size_t c = 0; c < C; ++c) {
    double total = 0;
    for (size_t n = 0; n < N; ++n) total += each[n * C + c];
    losses[c] = or_infinity(total);
  }
}

double quantization_loss(const void* w, DType type, const Moment& moment, const Grid& grid, const uint8_t* codes,
                         const float* scales, const uint8_t* zeros, size_t N, size_t K) {
  const Level& level = salient::level();
  const size_t groups = K / grid.group;
  Scratch room(Scratch::room_for<double>(N));
  double* each = room.take<double>(N);
  row_energies(N, K, moment, each, [&](size_t begin, size_t end, const Put& put) {
    Scratch rows(2 * Scratch::room_for<float>(K));
    float* buffer = rows.take<float>(K);
    float* d = rows.take<float>(K);
    for (size_t n = begin; n < end; ++n) {
      const float* row = row_f32(level, w, type, n, K, buffer);
      for (size_t g = 0; g < groups; ++g) {
        level.decode(codes + n * K + g * grid.group, grid.group, scales[n * groups + g],
                     static_cast<float>(zeros[n * groups + g]), d + g * grid.group);
      }
      for (size_t k = 0; k < K; ++k) d[k] = row[k] - d[k];
      put(d);
    }
  });
  return sum(each, N);
}

double output_energy(const void* w, DType type, const Moment& moment, size_t N, size_t K) {
  const Level& level = salient::level();
  Scratch room(Scratch::room_for<double>(N));
  double* each = room.take<double>(N);
  row_energies(N, K, moment, each, [&](size_t begin, size_t end, const Put& put) {
    Scratch rows(Scratch::room_for<float>(K));
    float* buffer = rows.take<float>(K);
    for (size_t n = begin; n < end; ++n) put(row_f32(level, w, type, n, K, buffer));
  });
  return sum(each, N);
}

}  // namespace salient
