// What a packed weight is made of.
#pragma once

#include "level.h"

namespace salient {

// Rows of x up to which a packed weight is multiplied without becoming floats first.
constexpr size_t kFewPacked = 8;

struct Packed {
  size_t N, K, group;
  size_t per_word;  // codes in a 32-bit word: 8 or 4
  DType scale;
  char* data;  // tiles of kTileRows rows, one after the other
  size_t bytes;
};

PackedTile packed_tile(const Packed& p, size_t tile);

}  // namespace salient
