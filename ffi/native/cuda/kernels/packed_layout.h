// How a quantized weight lies in device memory: in the order in which the registers of a matrix product take it.
//
// A tile is 16 outputs, a unit 32 inputs of one group, a chunk two units. The weight is the A operand of
// mma.m16n8k16 (see warp_ops.h), two products to a unit, and inputs are so permuted among them that lane 4g + c needs
// 8 neighbouring inputs, 8c to 8c + 7 of a unit, of rows g and g + 8: it finds its part of x in one 16-byte load, and
// its part of a chunk's weights in one (4-bit codes) or two (bytes).
//
// Codes, [tile][chunk]: 4-bit: [lane][unit][step] words of eight; nibble r + 4h is register r, half h. Bytes:
// [unit][lane][step][r / 2] words of four; byte 2 (r % 2) + h. Register r, half h of a step is row g + 8 (r % 2),
// input 8c + 4 step + 2 (r / 2) + h.
//
// Then [tile][group][16] words: a scale's 24 highest bits and the zero point, row r of the tile at 2 (r % 8) + r / 8.
// Rows and inputs that fill up count as zero: their codes equal the zero point.
#pragma once

#include "elements.h"

namespace salient::cuda {

constexpr u32 kTileRows = 16, kUnit = 32, kChunk = 64;

// Bytes of a tile's chunk.
__host__ __device__ inline size_t chunk_bytes(u32 container) { return container * size_t{128}; }

__host__ __device__ inline u32 meta_position(u32 row) { return row % 8 * 2 + row / 8; }

// A scale and a zero point in a word.
__host__ __device__ inline u32 meta_word(float scale, u32 zero) {
  u32 bits;
  memcpy(&bits, &scale, 4);
  return ((bits + 0x7f + (bits >> 8 & 1)) & 0xffffff00u) | zero;
}

// A quantized weight in its canonical form.
struct Codes {
  const uint8_t* codes;
  const float* scales;
  const uint8_t* zeros;
};

// The code at a place of the padded weight; filled up with zero points.
__host__ __device__ inline u32 padded_code(const PackedLayout& l, const Codes& w, u32 row, u32 unit, u32 input) {
  const u32 group = unit / l.units_of_group, inside = unit % l.units_of_group * kUnit + input;
  if (row >= l.N) return 0;
  if (group >= l.groups) return w.zeros[static_cast<size_t>(row) * l.groups + l.groups - 1];
  if (inside >= l.group) return w.zeros[static_cast<size_t>(row) * l.groups + group];
  return w.codes[static_cast<size_t>(row) * l.K + static_cast<size_t>(group) * l.group + inside];
}

// Word `i` (of the words of a chunk that belong to a lane) of a tile.
__host__ __device__ inline u32 packed_word(const PackedLayout& l, const Codes& w, u32 tile, u32 chunk, u32 lane, u32 i) {
  const u32 g = lane / 4, c = lane % 4;
  u32 word = 0;
  if (l.container == 4) {
    const u32 unit = i / 2, step = i % 2;
    for (u32 r = 0; r < 4; ++r) {
      for (u32 h = 0; h < 2; ++h) {
        const u32 row = tile * kTileRows + g + 8 * (r % 2), input = 8 * c + 4 * step + 2 * (r / 2) + h;
        word |= padded_code(l, w, row, 2 * chunk + unit, input) << 4 * (r + 4 * h);
      }
    }
    return word;
  }
  const u32 unit = i / 4, step = i / 2 % 2;
  for (u32 b = 0; b < 4; ++b) {
    const u32 r = i % 2 * 2 + b / 2, h = b % 2;
    const u32 row = tile * kTileRows + g + 8 * (r % 2), input = 8 * c + 4 * step + 2 * (r / 2) + h;
    word |= padded_code(l, w, row, 2 * chunk + unit, input) << 8 * b;
  }
  return word;
}

// Where in a chunk (in words) word `i` of a lane stands.
__host__ __device__ inline size_t word_place(u32 container, u32 lane, u32 i) {
  return container == 4 ? lane * size_t{4} + i : (i / 4 * size_t{32} + lane) * 4 + i % 4;
}

__host__ __device__ inline u32 packed_meta(const PackedLayout& l, const Codes& w, u32 tile, u32 group, u32 position) {
  const u32 row = tile * kTileRows + position / 2 + position % 2 * 8;
  if (row >= l.N) return 0;
  const size_t at = static_cast<size_t>(row) * l.groups + group;
  return meta_word(w.scales[at], w.zeros[at]);
}

}  // namespace salient::cuda
