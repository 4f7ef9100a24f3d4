// The innermost loops, once for each instruction set: a table of functions picked at run time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace salient {

// Products are summed in blocks of kDepth inputs. The left side of a block is kept as rows of kStride
// 32-bit words (a few more than kDepth, so that rows fall into different cache sets).
constexpr size_t kDepth = 256;
constexpr size_t kStride = kDepth + 16;

// Quantized weights are stored in tiles of this many rows, one row a lane.
constexpr size_t kTileRows = 16;

// Bit where code i of a word starts. Of 4-bit codes the first four are the low halves of the word's bytes.
constexpr uint32_t packed_shift(size_t i, size_t per_word) {
  return static_cast<uint32_t>(per_word == 8 ? i % 4 * 8 + i / 4 * 4 : i * 8);
}

// Sixteen rows of a packed weight. Scales and zeros are [groups][kTileRows].
struct PackedTile {
  const uint32_t* words;  // [groups][words of a group][kTileRows]
  const void* scales;
  DType scale;
  const uint8_t* zeros;
  size_t group;     // inputs of a group
  size_t per_word;  // codes in a word: 8 of 4 bits, or 4 of 8 bits
  size_t bytes;     // from this tile to the next one
};

// The tile `count` tiles further on.
inline PackedTile tile_after(const PackedTile& tile, size_t count) {
  PackedTile out = tile;
  const size_t step = count * tile.bytes;
  out.words = reinterpret_cast<const uint32_t*>(reinterpret_cast<const char*>(tile.words) + step);
  out.scales = static_cast<const char*>(tile.scales) + step;
  out.zeros = tile.zeros + step;
  return out;
}

// Lanes of a run of columns are a multiple of this many.
constexpr size_t kRunLanes = 64;

// A few columns of a weight that are rounded one after the other. Rows are lanes: everything but the factor is
// [columns][lanes], or [lanes].
struct ColumnRun {
  size_t columns, lanes;
  const float* w;
  const float* sums;       // what the errors of all columns before these add up to
  const float* factor;     // [columns][kStride] the columns' own triangle
  const uint32_t* groups;  // [columns]
  const float* scales;     // [groups][lanes]
  const float* zeros;
  float top;       // largest code
  float* d;        // receives w less what it became
  uint8_t* codes;
  float* loss;  // [lanes] receives the squared output errors, damping included, ...
  float* norm;  // ... and the squared d
};

// How inputs are rounded to whole numbers: -most - 1 to most, by a scale that is given, or 0 for that of each row.
struct Rounding {
  float most;
  float scale;
};

// The least range of a row: smaller ones are taken for it.
constexpr float kLeastRange = 1e-5f;

// A row of x that was rounded: x is scale times its integers, `sum` is their sum.
struct RoundedRow {
  float scale;
  int32_t sum;
};

struct Level {
  // Columns of a panel of the right side of a product: [depth][panel] words, or pairs of bf16.
  size_t panel;

  // c [rows, columns] (+)= a b. a [rows][kStride]; b panels of [depth][panel], one after the other.
  void (*product)(const float* a, size_t rows, const float* b, size_t columns, size_t depth, float* c,
                  size_t c_stride, bool add);
  // The same on pairs of bf16: depth counts pairs. Null where the processor has no such product.
  void (*product_bf16)(const uint32_t* a, size_t rows, const uint32_t* b, size_t columns, size_t depth,
                       float* c, size_t c_stride, bool add);
  // target [columns][target_stride] = transpose of source [rows][source_stride].
  void (*transpose)(const uint32_t* source, size_t source_stride, size_t rows, size_t columns,
                    uint32_t* target, size_t target_stride);
  // y [t * y_stride + n] = x[t] . w[n] + bias[n] for `rows` rows of w and few rows of x. F32, F16 or
  // BF16; `round` rounds w to bf16 first.
  void (*few_rows)(const float* x, size_t T, size_t K, const void* w, DType type, bool round, size_t rows,
                   const float* bias, float* y, size_t y_stride);

  void (*to_f32)(const void* source, DType type, float* target, size_t n);
  void (*from_f32)(const float* source, void* target, DType type, size_t n);
  void (*round_bf16)(float* x, size_t n);

  double (*dot)(const float* x, const float* y, size_t n);
  // y += a * x
  void (*axpy)(float a, const float* x, float* y, size_t n);
  // x[i] = exp(scale * x[i] - shift); returns the sum.
  float (*exp_sum)(float* x, size_t n, float scale, float shift);
  float (*largest)(const float* x, size_t n);
  float (*largest_magnitude)(const float* x, size_t n);
  void (*scale)(float* x, size_t n, float factor);
  // out[h][j] = x[h] . rows[j]: x [heads][size], n rows of `size` that are `stride` apart.
  void (*dots)(const float* x, size_t heads, size_t size, const float* rows, size_t stride, size_t n, float* out,
               size_t out_stride);
  // out[h] [size] = sum over j of weights[h][j] * rows[j].
  void (*weighted_sum)(const float* weights, size_t heads, size_t weights_stride, size_t n, const float* rows,
                       size_t stride, size_t size, float* out, size_t out_stride);
  // sum[i] += |x[i]| / divisor
  void (*add_magnitudes)(const float* x, size_t n, float divisor, double* sum);

  // The grid of one group of w * s (s null: of w), each clamped to +-bound first.
  void (*fit)(const float* w, const float* s, size_t n, const Grid& grid, float bound, float* scale, float* zero);
  void (*codes)(const float* w, size_t n, const Grid& grid, float bound, float scale, float zero, uint8_t* out);
  // out = Q(w * s) / s, or w - Q(w * s) / s.
  void (*rounded)(const float* w, const float* s, size_t n, const Grid& grid, float bound, float scale,
                  float zero, bool residual, float* out);
  // out = (code - zero) * scale
  void (*decode)(const uint8_t* codes, size_t n, float scale, float zero, float* out);

  void (*compensate_columns)(const ColumnRun& run);

  // Whether packed_few is faster than packed_decode and product for any number of rows of x.
  bool packed_few_always;
  // What packed_few needs of a row of x [K] beside x itself, made once for all tiles; its size in bytes, a
  // multiple of 64.
  size_t (*packed_prepared_size)(size_t K, size_t group, size_t per_word);
  void (*packed_prepare)(const float* x, size_t K, size_t group, size_t per_word, void* prepared);
  // y [t * y_stride + i * kTileRows + lane] = x[t] . row[lane] of tile i, for few rows of x and `tiles` tiles
  // that follow each other. prepared [T][packed_prepared_size].
  void (*packed_few)(const PackedTile& first, size_t tiles, const float* x, const void* prepared, size_t T, size_t K,
                     float* y, size_t y_stride);
  // Inputs begin to begin + depth of the tile as floats, in the panels that product() takes: lane 0 to 15
  // of input k goes to out[k * panel + lane], or, if a panel is narrower than a tile, into panels `depth`
  // rows apart.
  void (*packed_decode)(const PackedTile& tile, size_t begin, size_t depth, float* out);

  // out [K] = the row x [K] rounded, as floats.
  void (*round_inputs)(const float* x, size_t K, const Rounding& rounding, float* out);
  // Rows that int8_product takes together, and the bytes of one of them: rounded, as it takes them.
  size_t int8_rows;
  size_t (*int8_row_size)(size_t K);
  void (*int8_round)(const float* x, size_t K, const Rounding& rounding, RoundedRow* row, void* prepared);
  // y as of packed_few, for codes of 8 bits with one scale for each row of the weight, of T rows of x.
  void (*int8_product)(const PackedTile& first, size_t tiles, const void* prepared, const RoundedRow* rows, size_t T,
                       size_t K, float* y, size_t y_stride);
};

// The table of the level in use.
const Level& level();

extern const Level level_scalar;
#if defined(__x86_64__)
extern const Level level_avx2;
extern const Level level_avx512;
extern const Level level_avx512bf16;
#elif defined(__aarch64__)
extern const Level level_neon;
extern const Level level_neondot;
extern const Level level_neonbf16;
#endif

}  // namespace salient
