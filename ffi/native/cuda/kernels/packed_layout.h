// How a quantized weight lies in device memory: in the order in which the registers of a matrix product take it.
//
// A tile is 16 outputs, a unit 32 inputs of one group, a chunk two units. The weight is the A operand of
// mma.m16n8k16 (see warp_ops.h), two products to a unit, and inputs are so permuted among them that lane 4g + c needs
// 8 neighbouring inputs, 8c to 8c + 7 of a unit, of rows g and g + 8: it finds its part of x in one 16-byte load, and
// its part of a chunk's weights in one (4-bit codes) or two (bytes).
//
// Codes, [tile][chunk]. A lane has 32 of a chunk, as 16 pairs of neighbouring inputs: unit, step, register r; its half h is
// row g + 8 (r % 2), input 8c + 4 step + 2 (r / 2) + h. The two of a pair stand in the two halves of a word, at the same
// place. With `container` bits to a code a lane has `container` words:
// - 2: [lane][unit]. Registers 0 to 3 of step s are at bits 8s + 0, 4, 2, 6.
// - 3: [lane][word] of words 0 and 1, then [lane] of word 2. Five pairs to a word at bits 0, 3, 6, 9, 12; bits 15 of the
//   three words are the sixteenth. Which pair stands where: slot_of_pair.
// - 4: [lane][unit][step]. Register r at bits 4r of both halves of a word, so nibble r + 4h.
// - 8: [unit][lane][step][r / 2] words of four; byte 2 (r % 2) + h.
//
// Then [tile][group][16] words: a scale's 24 highest bits and the zero point, row r of the tile at 2 (r % 8) + r / 8.
// Rows and inputs that fill up count as zero: their codes equal the zero point.
#pragma once

#include <type_traits>

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

// Which of the places of a lane's three words a pair of 3-bit codes takes: slot / 5 is the word, 3 (slot % 5) the bit; 15
// are the words' bits 15. Rows g and g + 8 are so spread that each needs few constants in dequantizing.
__host__ __device__ constexpr u32 slot_of_pair(u32 unit, u32 step, u32 r) {
  return static_cast<u32>(0xfedcba6598724310ull >> 4 * (8 * unit + 4 * (r % 2) + 2 * step + r / 2)) & 15;
}

// Where in a word pairs of 2-bit codes begin.
__host__ __device__ constexpr u32 bit_of_pair(u32 step, u32 r) { return 8 * step + 4 * (r % 2) + 2 * (r / 2); }

// Adds a code to words that are zero there.
template <int container>
__host__ __device__ inline void put_code(u32 (&words)[container], u32 unit, u32 step, u32 r, u32 h, u32 code) {
  code &= (1u << container) - 1;
  if constexpr (container == 2) {
    words[unit] |= code << (bit_of_pair(step, r) + 16 * h);
  } else if constexpr (container == 3) {
    const u32 slot = slot_of_pair(unit, step, r);
    if (slot < 15) words[slot / 5] |= code << (slot % 5 * 3 + 16 * h);
    else for (u32 i = 0; i < 3; ++i) words[i] |= (code >> i & 1) << (15 + 16 * h);
  } else if constexpr (container == 4) {
    words[2 * unit + step] |= code << 4 * (r + 4 * h);
  } else {
    words[4 * unit + 2 * step + r / 2] |= code << 8 * (2 * (r % 2) + h);
  }
}

// The code that put_code put there.
template <int container>
__host__ __device__ inline u32 take_code(const u32 (&words)[container], u32 unit, u32 step, u32 r, u32 h) {
  constexpr u32 kMask = (1u << container) - 1;
  if constexpr (container == 2) return words[unit] >> (bit_of_pair(step, r) + 16 * h) & kMask;
  if constexpr (container == 3) {
    const u32 slot = slot_of_pair(unit, step, r), last = 15 + 16 * h;
    if (slot < 15) return words[slot / 5] >> (slot % 5 * 3 + 16 * h) & kMask;
    return (words[0] >> last & 1) | (words[1] >> last & 1) << 1 | (words[2] >> last & 1) << 2;
  }
  if constexpr (container == 4) return words[2 * unit + step] >> 4 * (r + 4 * h) & kMask;
  if constexpr (container == 8) return words[4 * unit + 2 * step + r / 2] >> 8 * (2 * (r % 2) + h) & kMask;
}

// The words of a lane for a chunk of a tile.
template <int container>
__host__ __device__ inline void packed_words(const PackedLayout& l, const Codes& w, u32 tile, u32 chunk, u32 lane,
                                             u32 (&words)[container]) {
  const u32 g = lane / 4, c = lane % 4;
#pragma unroll
  for (u32 i = 0; i < container; ++i) words[i] = 0;
#pragma unroll
  for (u32 i = 0; i < 32; ++i) {
    const u32 unit = i / 16, step = i / 8 % 2, r = i / 2 % 4, h = i % 2;
    const u32 row = tile * kTileRows + g + 8 * (r % 2), input = 8 * c + 4 * step + 2 * (r / 2) + h;
    put_code<container>(words, unit, step, r, h, padded_code(l, w, row, 2 * chunk + unit, input));
  }
}

// Where in a chunk (in words) word `i` of a lane stands.
template <int container>
__host__ __device__ constexpr size_t word_place(u32 lane, u32 i) {
  if (container == 3) return i < 2 ? lane * 2 + i : 64 + lane;
  if (container == 8) return (i / 4 * size_t{32} + lane) * 4 + i % 4;
  return lane * size_t{container} + i;
}

// Calls `call` with a constant of the container's bits.
template <class Call>
void with_container(u32 container, Call&& call) {
  if (container == 2) call(std::integral_constant<int, 2>{});
  else if (container == 3) call(std::integral_constant<int, 3>{});
  else if (container == 4) call(std::integral_constant<int, 4>{});
  else call(std::integral_constant<int, 8>{});
}

__host__ __device__ inline u32 packed_meta(const PackedLayout& l, const Codes& w, u32 tile, u32 group, u32 position) {
  const u32 row = tile * kTileRows + position / 2 + position % 2 * 8;
  if (row >= l.N) return 0;
  const size_t at = static_cast<size_t>(row) * l.groups + group;
  return meta_word(w.scales[at], w.zeros[at]);
}

}  // namespace salient::cuda
