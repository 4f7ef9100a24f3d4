// y = Q(x) W^T + bias: inputs are rounded to whole numbers before the product.
//
// Where the weight has codes of 8 bits and one scale for each row, integers are multiplied and summed: x becomes bytes
// once, a row at a time, and a band of rows that stays in the second cache meets the weight tile by tile. A sum is
// exact, so neither bands nor threads nor instruction sets change a bit of it.
#include <algorithm>

#include "packed.h"
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

// Bytes of a band of rounded rows; half of a second cache.
constexpr size_t kBandBytes = 512 << 10;
// Tiles of the weight that a thread takes at a time.
constexpr size_t kTiles = 8;
// Inputs up to which 255 * 128 times their number fits 32 bits.
constexpr size_t kMostInputs = 65536;

Rounding rounding_of(uint32_t bits, float scale) { return {static_cast<float>((1 << (bits - 1)) - 1), scale}; }

struct Rounded {
  const char* data;  // [T][row_size]
  size_t row_size;
  const RoundedRow* rows;
};

// Rows begin to begin + T of x with the tiles from `tile` on.
void piece(const Level& level, const Packed& p, const Rounded& x, size_t begin, size_t T, size_t tile, size_t tiles,
           const float* bias, float* y) {
  const char* in = x.data + begin * x.row_size;
  const RoundedRow* rows = x.rows + begin;
  float* out = y + begin * p.N + tile * kTileRows;
  const size_t whole = std::min(tiles, p.N / kTileRows - std::min(tile, p.N / kTileRows));
  level.int8_product(packed_tile(p, tile), whole, in, rows, T, p.K, out, p.N);
  if (whole < tiles) {
    const size_t columns = p.N % kTileRows;
    Scratch room(Scratch::room_for<float>(T * kTileRows));
    float* edge = room.take<float>(T * kTileRows);
    level.int8_product(packed_tile(p, tile + whole), 1, in, rows, T, p.K, edge, kTileRows);
    for (size_t t = 0; t < T; ++t) {
      std::copy_n(edge + t * kTileRows, columns, out + t * p.N + whole * kTileRows);
    }
  }
  const size_t columns = std::min(p.N - tile * kTileRows, tiles * kTileRows);
  for (size_t t = 0; t < T && bias != nullptr; ++t) {
    for (size_t n = 0; n < columns; ++n) out[t * p.N + n] += bias[tile * kTileRows + n];
  }
}

void integer_linear(const Level& level, const Packed& p, const float* x, const float* bias, float* y, size_t T,
                    const Rounding& rounding) {
  const size_t row_size = level.int8_row_size(p.K);
  Scratch room(Scratch::room_for<char>(T * row_size) + Scratch::room_for<RoundedRow>(T));
  char* data = room.take<char>(T * row_size);
  auto* rows = room.take<RoundedRow>(T);
  parallel_for(T, 8, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) level.int8_round(x + t * p.K, p.K, rounding, rows + t, data + t * row_size);
  });
  const Rounded rounded{data, row_size, rows};
  const size_t most = std::max<size_t>(kBandBytes / row_size / level.int8_rows, 2) * level.int8_rows;
  const size_t bands = (T + most - 1) / most;
  const size_t height = round_up((T + bands - 1) / bands, level.int8_rows);
  const size_t tiles = (p.N + kTileRows - 1) / kTileRows, across = (tiles + kTiles - 1) / kTiles;
  // About 256 KiB of the weight at least, so that waking a thread pays.
  const size_t grain = T > level.int8_rows ? 1 : std::max<size_t>(1, (size_t{1} << 18) / (kTiles * kTileRows * p.K + 1));
  parallel_for((T + height - 1) / height * across, grain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const size_t row = i / across * height, tile = i % across * kTiles;
      piece(level, p, rounded, row, std::min(height, T - row), tile, std::min(kTiles, tiles - tile), bias, y);
    }
  });
}

}  // namespace

void round_inputs(const float* x, float* out, size_t T, size_t K, uint32_t bits, float scale) {
  const Level& level = salient::level();
  const Rounding rounding = rounding_of(bits, scale);
  parallel_for(T, 8, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) level.round_inputs(x + t * K, K, rounding, out + t * K);
  });
}

void packed_linear_rounded(const Packed* packed, const float* x, const float* bias, float* y, size_t T,
                           uint32_t bits, float scale) {
  const Packed& p = *packed;
  if (T == 0 || p.N == 0) return;
  // So many rows that what is made of them stays small.
  constexpr size_t kRows = 1536;
  for (size_t t = 0; t < T; t += kRows) {
    const size_t rows = std::min(kRows, T - t);
    const float* in = x + t * p.K;
    float* out = y + t * p.N;
    if (p.group == p.K && p.per_word == 4 && p.K <= kMostInputs) {
      integer_linear(salient::level(), p, in, bias, out, rows, rounding_of(bits, scale));
      continue;
    }
    Scratch room(Scratch::room_for<float>(rows * p.K));
    float* rounded = room.take<float>(rows * p.K);
    round_inputs(in, rounded, rows, p.K, bits, scale);
    packed_linear(packed, rounded, bias, out, rows);
  }
}

}  // namespace salient
