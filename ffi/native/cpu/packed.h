// What a packed weight is made of.
#pragma once

#include "level.h"

namespace salient {

// Rows of x that a packed weight is multiplied with without becoming floats first: up to these, or, where
// that is always faster, these at a time.
constexpr size_t kFewPacked = 32;

struct Packed {
  size_t N, K, group;
  size_t per_word;  // codes in a 32-bit word: 8 or 4
  DType scale;
  char* data;  // tiles of kTileRows rows, one after the other
  size_t bytes;
};

PackedTile packed_tile(const Packed& p, size_t tile);

}  // namespace salient
