// How passes over rows are cut into pieces, and how long sums are taken.
#pragma once

#include <algorithm>
#include <cstddef>

namespace salient {

constexpr size_t kPiece = 16384;  // elements that one task of parallel_for takes

inline size_t rows_per_piece(size_t width) { return std::max<size_t>(1, kPiece / std::max<size_t>(width, 1)); }

// Long sums run in eight lanes, which the compiler turns into vectors; the lanes are added at the end, always
// in the same order.
constexpr size_t kLanes = 8;

static inline double add_lanes(const double* lanes) {
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

}  // namespace salient
