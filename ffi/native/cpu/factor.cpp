// The factor of a Gram matrix that error compensation needs.
//
// GPTQ (Frantar et al., 2022) takes the upper Cholesky factor U of the inverse of H. As H = R R^T with R = U^-1, which
// is upper triangular too, R comes from H by a Cholesky factorization that starts at the last column, and neither
// the inverse nor its factorization is ever made: K^3 / 3 operations in place of 4 K^3 / 3, with less rounding.
#include "factor.h"

#include <atomic>
#include <cmath>
#include <cstring>

#include "panels.h"
#include "rounding_order.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr size_t kBand = 240;  // a multiple of every level's tile rows

// A pivot below this part of its diagonal element is rounding noise: the matrix counts as singular.
constexpr double kNoise = 0x1p-23;

// Fills the blocks with the upper half of the damped Gram, permuted; false where it holds NaN or infinity.
bool gather(const Factor& f, const float* gram) {
  std::atomic<bool> finite{true};
  parallel_for(f.K, 16, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const float* row = gram + f.order[i] * f.K;
      uint32_t top = 0;
      for (size_t b = i / kDepth; b < f.blocks(); ++b) {
        float* out = f.block(b) + i * kStride;
        const uint32_t* order = f.order.data() + b * kDepth;
        for (size_t k = 0; k < f.width(b); ++k) {
          out[k] = row[order[k]];
          uint32_t bits;
          std::memcpy(&bits, out + k, 4);
          top = std::max(top, bits & 0x7fffffffu);
        }
      }
      if (top >= 0x7f800000u) finite = false;
      float* pivot = f.block(i / kDepth) + i * kStride + i % kDepth;
      *pivot = static_cast<float>((f.dead[f.order[i]] ? 1.0 : static_cast<double>(*pivot)) + f.added);
    }
  });
  return finite;
}

// Block j less what the blocks to its right explain.
void subtract_later(const Level& level, const Factor& f, size_t j, std::vector<double>& diagonal) {
  const size_t later = f.blocks() - 1 - j, columns = f.width(j), first = j * kDepth;
  if (later == 0) return;
  const size_t words = right_size(level, columns, kDepth), room_words = Scratch::room_for<float>(words) / sizeof(float);
  Scratch room(Scratch::room_for<float>(later * room_words));
  float* rights = room.take<float>(later * room_words);
  parallel_for(later, 1, [&](size_t begin, size_t end) {
    Scratch packing(Scratch::room_for<float>(level.panel * kStride));
    float* buffer = packing.take<float>(level.panel * kStride);
    for (size_t i = begin; i < end; ++i) {
      const size_t m = j + 1 + i, depth = f.width(m);
      float* right = rights + i * room_words;
      right_of_rows(level, f.block(m) + first * kStride, DType::F32, kStride, 0, depth, columns, false, buffer, right);
      level.scale(right, right_size(level, columns, depth), -1.0f);
    }
  });
  parallel_for(f.rows(j), kBand, [&](size_t begin, size_t end) {
    for (size_t i = 0; i < later; ++i) {
      const size_t m = j + 1 + i;
      level.product(f.block(m) + begin * kStride, end - begin, rights + i * room_words, columns, f.width(m),
                    f.block(j) + begin * kStride, kStride, true);
    }
  });
  // Pivots may be small differences of large numbers: those are summed in double.
  for (size_t i = 0; i < columns; ++i) {
    for (size_t m = j + 1; m < f.blocks(); ++m) {
      const float* row = f.block(m) + (first + i) * kStride;
      diagonal[i] -= level.dot(row, row, f.width(m));
    }
  }
}

// r [n][kStride]: the upper triangle of a positive definite matrix becomes its factor, from the last column on. The
// lower one becomes 0. false if a pivot is not above noise.
bool factor_triangle(const Level& level, float* r, size_t n, const std::vector<double>& diagonal,
                     const std::vector<double>& original) {
  for (size_t j = n; j-- > 0;) {
    float* row = r + j * kStride;
    const double pivot = diagonal[j] - level.dot(row + j + 1, row + j + 1, n - j - 1);
    if (!(pivot > original[j] * kNoise) || !std::isfinite(pivot)) return false;
    const double root = std::sqrt(pivot);
    row[j] = static_cast<float>(root);
    for (size_t i = 0; i < j; ++i) {
      float* above = r + i * kStride;
      above[j] = static_cast<float>((above[j] - level.dot(above + j + 1, row + j + 1, n - j - 1)) / root);
    }
    std::fill(row, row + j, 0.0f);
  }
  return true;
}

// The part of block j above its triangle, times the triangle's inverse.
void solve_above(const Level& level, const Factor& f, size_t j) {
  const size_t first = j * kDepth, n = f.width(j);
  if (first == 0) return;
  Scratch room(Scratch::room_for<float>(n * n) + Scratch::room_for<float>(right_size(level, n, n)));
  float* inverse = room.take<float>(n * n);
  float* right = room.take<float>(right_size(level, n, n));
  invert_triangle(level, f.block(j) + first * kStride, kStride, n, inverse, n);
  right_of_columns(level, inverse, n, n, n, 1.0f, right);
  parallel_for(first, kBand, [&](size_t begin, size_t end) {
    const size_t rows = end - begin;
    Scratch part(Scratch::room_for<float>(rows * kStride));
    float* solved = part.take<float>(rows * kStride);
    float* target = f.block(j) + begin * kStride;
    level.product(target, rows, right, n, n, solved, kStride, false);
    for (size_t r = 0; r < rows; ++r) std::memcpy(target + r * kStride, solved + r * kStride, n * sizeof(float));
  });
}

bool factorize(const Level& level, const Factor& f) {
  for (size_t j = f.blocks(); j-- > 0;) {
    const size_t first = j * kDepth, n = f.width(j);
    float* triangle = f.block(j) + first * kStride;
    std::vector<double> original(n), diagonal(n);
    for (size_t i = 0; i < n; ++i) original[i] = diagonal[i] = triangle[i * kStride + i];
    subtract_later(level, f, j, diagonal);
    if (!factor_triangle(level, triangle, n, diagonal, original)) return false;
    solve_above(level, f, j);
  }
  return true;
}

}  // namespace

void invert_triangle(const Level& level, const float* r, size_t r_stride, size_t n, float* out, size_t out_stride) {
  for (size_t j = 0; j < n; ++j) {
    float* column = out + j * out_stride;  // column j of the inverse
    std::fill(column + j + 1, column + n, 0.0f);
    column[j] = 1.0f / r[j * r_stride + j];
    for (size_t i = j; i-- > 0;) {
      const float* row = r + i * r_stride;
      column[i] = static_cast<float>(-level.dot(row + i + 1, column + i + 1, j - i) / row[i]);
    }
  }
}

Factor* factor_gram(const float* gram, size_t K, Order kind, uint32_t group, double damping, uint32_t tries,
                    bool* finite) {
  const Level& level = salient::level();
  auto f = std::make_unique<Factor>();
  f->K = K;
  f->kind = kind;
  f->group = group;
  f->dead.resize(K);
  double sum = 0, living = 0;
  std::vector<float> diagonal(K);
  for (size_t k = 0; k < K; ++k) {
    const float value = diagonal[k] = gram[k * K + k];
    *finite = std::isfinite(value);
    if (!*finite) return nullptr;
    f->dead[k] = value == 0.0f;
    if (f->dead[k]) continue;
    sum += value;
    ++living;
  }
  f->order = rounding_order(diagonal, kind, group);
  const double mean = living > 0 ? sum / living : 1.0;
  size_t floats = 0;
  for (size_t first = 0; first < K; first += kDepth) {
    f->starts.push_back(floats);
    floats += std::min(K, first + kDepth) * kStride;
  }
  f->memory = std::make_unique<Block>(floats * sizeof(float));
  for (uint32_t i = 0; i < tries; ++i) {
    f->damping = damping;
    f->added = damping * mean;
    *finite = gather(*f, gram);
    if (!*finite) return nullptr;
    if (factorize(level, *f)) return f.release();
    damping = damping > 0 ? damping * 10 : 1e-4;
  }
  return nullptr;
}

void free_factor(Factor* factor) { delete factor; }
size_t factor_bytes(const Factor* factor) { return factor->memory->bytes(); }
double factor_damping(const Factor* factor) { return factor->damping; }
size_t factor_inputs(const Factor* factor) { return factor->K; }
bool keeps_groups(const Factor* factor, uint32_t group) {
  return factor->kind == Order::Natural || (factor->kind == Order::Groups && factor->group == group);
}

}  // namespace salient
