// Rounding to the affine grid and back.
#include <limits>
#include <vector>

#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr float kNoBound = std::numeric_limits<float>::infinity();

// Rows of a piece: about 64 Ki weights.
size_t grain_of(size_t K) { return std::max<size_t>(1, 65536 / std::max<size_t>(K, 1)); }

}  // namespace

void quantize(const void* w, DType type, const Grid& grid, const float* bounds, uint8_t* codes, float* scales,
              uint8_t* zeros, size_t N, size_t K) {
  const Level& level = salient::level();
  const size_t g = grid.group, groups = K / g;
  parallel_for(N, grain_of(K), [&](size_t begin, size_t end) {
    Scratch room(Scratch::room_for<float>(K));
    float* buffer = room.take<float>(K);
    for (size_t n = begin; n < end; ++n) {
      const float* row = row_f32(level, w, type, n, K, buffer);
      for (size_t i = 0; i < groups; ++i) {
        const size_t place = n * groups + i;
        const float bound = bounds != nullptr ? bounds[place] : kNoBound;
        float zero;
        level.fit(row + i * g, nullptr, g, grid, bound, &scales[place], &zero);
        level.codes(row + i * g, g, grid, bound, scales[place], zero, codes + n * K + i * g);
        zeros[place] = static_cast<uint8_t>(zero);
      }
    }
  });
}

uint8_t largest_code(const uint8_t* codes, size_t n) {
  uint8_t largest = 0;
  for (size_t i = 0; i < n; ++i) largest = codes[i] > largest ? codes[i] : largest;
  return largest;
}

void dequantize(const uint8_t* codes, const float* scales, const uint8_t* zeros, const Grid& grid, float* w,
                size_t N, size_t K) {
  const Level& level = salient::level();
  const size_t g = grid.group, groups = K / g;
  parallel_for(N, grain_of(K), [&](size_t begin, size_t end) {
    for (size_t i = begin * groups; i < end * groups; ++i) {
      level.decode(codes + i * g, g, scales[i], static_cast<float>(zeros[i]), w + i * g);
    }
  });
}

void fake_quantize(const void* w, DType type, const Grid& grid, const float* s, float* out, size_t N, size_t K) {
  const Level& level = salient::level();
  const size_t g = grid.group;
  parallel_for(N, grain_of(K), [&](size_t begin, size_t end) {
    Scratch room(Scratch::room_for<float>(K));
    float* buffer = room.take<float>(K);
    for (size_t n = begin; n < end; ++n) {
      const float* row = row_f32(level, w, type, n, K, buffer);
      for (size_t k = 0; k < K; k += g) {
        const float* factors = s != nullptr ? s + k : nullptr;
        float scale, zero;
        level.fit(row + k, factors, g, grid, kNoBound, &scale, &zero);
        level.rounded(row + k, factors, g, grid, kNoBound, scale, zero, false, out + n * K + k);
      }
    }
  });
}

void relative_magnitude(const void* w, DType type, uint32_t group, float* out, size_t N, size_t K) {
  const Level& level = salient::level();
  // Sums of at most 64 bands of rows, added up in order.
  const size_t band = std::max<size_t>(grain_of(K), (N + 63) / 64), bands = (N + band - 1) / band;
  Scratch room(Scratch::room_for<double>(bands * K));
  double* sums = room.take<double>(bands * K);
  parallel_for(N, band, [&](size_t begin, size_t end) {
    Scratch row_room(Scratch::room_for<float>(K));
    float* buffer = row_room.take<float>(K);
    double* sum = sums + begin / band * K;
    std::fill(sum, sum + K, 0.0);
    for (size_t n = begin; n < end; ++n) {
      const float* row = row_f32(level, w, type, n, K, buffer);
      for (size_t k = 0; k < K; k += group) {
        level.add_magnitudes(row + k, group, level.largest_magnitude(row + k, group) + 1e-6f, sum + k);
      }
    }
  });
  for (size_t k = 0; k < K; ++k) {
    double total = 0;
    for (size_t b = 0; b < bands; ++b) total += sums[b * K + k];
    out[k] = static_cast<float>(total / static_cast<double>(N));
  }
}

}  // namespace salient
