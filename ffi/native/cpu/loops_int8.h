// Inputs rounded to bytes, and their products with the codes of packed weights whose rows have one scale.
//
// Four inputs are multiplied with four codes of a row in each 32-bit lane and summed exactly. What an instruction
// set does for one lane is IntegerSums: of loops_int8_avx2.h, loops_int8_avx512bf16.h or loops_int8_neon.h, or here.
#pragma once

namespace salient {
namespace {

// The scale of a row of x: as given, or that of its largest value. NaN, which the outputs become, where it has none.
inline float scale_of_row(const float* x, size_t K, const Rounding& rounding) {
  bool finite = true;
  V top = V::zero();
  for (size_t k = 0; k < K; k += V::width) {
    const V part = k + V::width <= K ? V::load(x + k) : V::load_part(x + k, K - k, 0);
    finite = finite && !part.any_nan();
    top = max(magnitude(part), top);
  }
  if (!finite) return float_of(0x7fc00000u);
  if (rounding.scale > 0) return rounding.scale;
  const float largest = top.largest();
  return largest <= 3.4028235e38f ? (largest > kLeastRange ? largest : kLeastRange) / rounding.most
                                  : float_of(0x7fc00000u);
}

// x / scale as whole numbers, half to even, cut to what fits.
inline V rounded_part(V part, V scale, const Rounding& rounding) {
  return min(max(round_even(part / scale), V::all(-rounding.most - 1)), V::all(rounding.most));
}

void round_inputs(const float* x, size_t K, const Rounding& rounding, float* out) {
  const float unit = scale_of_row(x, K, rounding);
  const V scale = V::all(unit);
  for (size_t k = 0; k < K; k += V::width) {
    const size_t n = least(V::width, K - k);
    const V part = n == V::width ? V::load(x + k) : V::load_part(x + k, n, 0);
    // A scale that is NaN must not be lost in the comparisons.
    const V value = unit == unit ? rounded_part(part, scale, rounding) * scale : scale;
    if (n == V::width) value.store(out + k);
    else value.store_part(out + k, n);
  }
}

#if !defined(__AVX2__) && !defined(SALIENT_NEON)
// One lane after the other; four make a part of a tile.
struct IntegerSums {
  static constexpr size_t rows = 2, tiles = 1, few_rows = 0, few_tiles = 1;
  static constexpr size_t word_bytes = 4;  // of four rounded inputs
  static constexpr int32_t shift = 0;      // what codes are less than they are stored
  using Lanes = FourBits;
  using Codes = const uint8_t*;
  using Inputs = const int8_t*;

  static Lanes zero() { return FourBits{0, 0, 0, 0}; }
  static Codes codes(const uint8_t* words) { return words; }
  static Inputs inputs(const int8_t* four) { return four; }
  static void put(const int8_t* four, int8_t* word) { std::memcpy(word, four, 4); }
  static Lanes add(Lanes lanes, Codes codes, Inputs four) {
    for (size_t i = 0; i < V::width; ++i) {
      int32_t sum = 0;
      for (size_t j = 0; j < 4; ++j) sum += codes[4 * i + j] * four[j];
      lanes[i] += static_cast<uint32_t>(sum);
    }
    return lanes;
  }
  // The sums less zeros times the sum of the inputs.
  static V without(Lanes lanes, const int32_t* zeros, int32_t sum_of_x) {
    float values[V::width];
    for (size_t i = 0; i < V::width; ++i) {
      const uint32_t of_zero = static_cast<uint32_t>(zeros[i]) * static_cast<uint32_t>(sum_of_x);
      values[i] = static_cast<float>(static_cast<int32_t>(lanes[i] - of_zero));
    }
    return V::load(values);
  }
};
#endif

}  // namespace
}  // namespace salient

#include "loops_int8_avx2.h"
#include "loops_int8_avx512bf16.h"
#include "loops_int8_neon.h"

#if !defined(SALIENT_INT8)
#define SALIENT_INT8
#endif

namespace salient {
namespace {

// An odd number of cache lines, so that neighbouring rows do not fight for the same ones.
inline size_t int8_row_size(size_t K) {
  return ((K + 3) / 4 * IntegerSums::word_bytes + 63) / 64 * 64 / 128 * 128 + 64;
}

void int8_round(const float* x, size_t K, const Rounding& rounding, RoundedRow* row, void* prepared) {
  row->scale = scale_of_row(x, K, rounding);
  const bool usable = row->scale == row->scale;
  const V scale = V::all(usable ? row->scale : 1);
  auto* word = static_cast<int8_t*>(prepared);
  int32_t sum = 0;
  for (size_t k = 0; k < K; k += V::width) {
    const size_t n = least(V::width, K - k);
    const V part = n == V::width ? V::load(x + k) : V::load_part(x + k, n, 0);
    int32_t whole[V::width];
    (usable ? rounded_part(part, scale, rounding) : V::zero()).store_whole(whole);
    int8_t bytes[V::width];
    for (size_t i = 0; i < V::width; ++i) {
      sum += whole[i];
      bytes[i] = static_cast<int8_t>(whole[i]);
    }
    for (size_t i = 0; i < V::width && k + i < K; i += 4, word += IntegerSums::word_bytes) {
      IntegerSums::put(bytes + i, word);
    }
  }
  row->sum = sum;
}

// y [T, Tiles * 16] of T rows of x.
template <size_t T, size_t Tiles>
SALIENT_INT8 inline void int8_block(const PackedTile& first, const char* prepared, size_t row_size,
                                    const RoundedRow* rows, size_t K, float* y, size_t y_stride) {
  const size_t words = (K + 3) / 4;
  typename IntegerSums::Lanes sum[T][Tiles][kParts];
  for (size_t t = 0; t < T; ++t) {
    for (size_t i = 0; i < Tiles; ++i) {
      for (size_t p = 0; p < kParts; ++p) sum[t][i][p] = IntegerSums::zero();
    }
  }
  const auto* word = reinterpret_cast<const uint8_t*>(first.words);
  const auto* in = reinterpret_cast<const int8_t*>(prepared);
  for (size_t k = 0; k < words; ++k, word += kTileRows * 4, in += IntegerSums::word_bytes) {
    typename IntegerSums::Codes codes[Tiles][kParts];
    for (size_t i = 0; i < Tiles; ++i) {
      for (size_t p = 0; p < kParts; ++p) {
        codes[i][p] = IntegerSums::codes(word + i * first.bytes + p * V::width * 4);
      }
    }
    for (size_t t = 0; t < T; ++t) {
      const typename IntegerSums::Inputs four = IntegerSums::inputs(in + t * row_size);
      for (size_t i = 0; i < Tiles; ++i) {
        for (size_t p = 0; p < kParts; ++p) {
            sum[t][i][p] = IntegerSums::add(sum[t][i][p], codes[i][p], four);
          }
      }
    }
  }
  // Apart from the sums above, so that those can stay in registers.
  typename IntegerSums::Lanes total[T][Tiles][kParts];
#pragma GCC unroll 16
  for (size_t t = 0; t < T; ++t) {
#pragma GCC unroll 4
    for (size_t i = 0; i < Tiles; ++i) {
#pragma GCC unroll 4
      for (size_t p = 0; p < kParts; ++p) total[t][i][p] = sum[t][i][p];
    }
  }
  for (size_t i = 0; i < Tiles; ++i) {
    const PackedTile tile = tile_after(first, i);
    for (size_t p = 0; p < kParts; ++p) {
      const V scale = packed_scales(tile, p * V::width);
      int32_t zeros[V::width];
      for (size_t j = 0; j < V::width; ++j) zeros[j] = tile.zeros[p * V::width + j] - IntegerSums::shift;
      for (size_t t = 0; t < T; ++t) {
        const V value = IntegerSums::without(total[t][i][p], zeros, rows[t].sum);
        (value * (scale * V::all(rows[t].scale))).store(y + t * y_stride + i * kTileRows + p * V::width);
      }
    }
  }
}

template <size_t T, size_t Tiles>
inline void int8_blocks_of(size_t count, const PackedTile& first, const char* prepared, size_t row_size,
                           const RoundedRow* rows, size_t K, float* y, size_t y_stride) {
  if (count == T) {
    int8_block<T, Tiles>(first, prepared, row_size, rows, K, y, y_stride);
  } else if constexpr (T > 1) {
    int8_blocks_of<T - 1, Tiles>(count, first, prepared, row_size, rows, K, y, y_stride);
  }
}

// `Tiles` tiles with all rows of x, at most Rows of them at a time.
template <size_t Rows, size_t Tiles>
inline void int8_tiles(const PackedTile& first, const char* prepared, const RoundedRow* rows, size_t T, size_t K,
                       float* y, size_t y_stride) {
  const size_t row_size = int8_row_size(K);
  for (size_t t = 0; t < T; t += Rows) {
    int8_blocks_of<Rows, Tiles>(least(Rows, T - t), first, prepared + t * row_size, row_size, rows + t, K,
                                y + t * y_stride, y_stride);
  }
}

void int8_product(const PackedTile& first, size_t tiles, const void* prepared, const RoundedRow* rows, size_t T,
                  size_t K, float* y, size_t y_stride) {
  const auto* in = static_cast<const char*>(prepared);
  size_t i = 0;
  if constexpr (IntegerSums::few_rows > 0) {
    // Few rows: more tiles at a time, so that enough sums are under way.
    for (; T <= IntegerSums::few_rows && i + IntegerSums::few_tiles <= tiles; i += IntegerSums::few_tiles) {
      int8_tiles<IntegerSums::few_rows, IntegerSums::few_tiles>(tile_after(first, i), in, rows, T, K, y + i * kTileRows,
                                                                y_stride);
    }
  }
  for (; i + IntegerSums::tiles <= tiles; i += IntegerSums::tiles) {
    int8_tiles<IntegerSums::rows, IntegerSums::tiles>(tile_after(first, i), in, rows, T, K, y + i * kTileRows,
                                                      y_stride);
  }
  for (; i < tiles; ++i) {
    int8_tiles<IntegerSums::rows, 1>(tile_after(first, i), in, rows, T, K, y + i * kTileRows, y_stride);
  }
}

}  // namespace
}  // namespace salient
