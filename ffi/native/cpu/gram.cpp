// gram += x^T x: the tiles on and below the diagonal, then their mirror.
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr size_t kTile = 240;  // a multiple of every level's tile rows

// Tile number i of the lower triangle, row by row.
void place(size_t i, size_t* row, size_t* column) {
  size_t r = 0;
  while ((r + 1) * (r + 2) / 2 <= i) ++r;
  *row = r;
  *column = i - r * (r + 1) / 2;
}

}  // namespace

void accumulate_gram(const float* x, float* gram, size_t T, size_t K) {
  if (T == 0 || K == 0) return;
  const Level& level = salient::level();
  const size_t bands = (K + kTile - 1) / kTile;
  parallel_for(bands * (bands + 1) / 2, 1, [&](size_t begin, size_t end) {
    const size_t left_size = kTile * kStride, right_words = right_size(level, kTile, kDepth);
    Scratch room(Scratch::room_for<float>(left_size) + Scratch::room_for<float>(right_words));
    float* left = room.take<float>(left_size);
    float* right = room.take<float>(right_words);
    for (size_t i = begin; i < end; ++i) {
      size_t row, column;
      place(i, &row, &column);
      row *= kTile;
      column *= kTile;
      const size_t rows = std::min(kTile, K - row), columns = std::min(kTile, K - column);
      for (size_t t = 0; t < T; t += kDepth) {
        const size_t depth = std::min(kDepth, T - t);
        level.transpose(reinterpret_cast<const uint32_t*>(x + t * K + row), K, depth, rows,
                        reinterpret_cast<uint32_t*>(left), kStride);
        right_of_columns(level, x + t * K + column, K, depth, columns, 1.0f, right);
        level.product(left, rows, right, columns, depth, gram + row * K + column, K, true);
      }
      // The mirror; on the diagonal both halves were summed in the same order and agree already.
      if (row != column) {
        level.transpose(reinterpret_cast<const uint32_t*>(gram + row * K + column), K, rows, columns,
                        reinterpret_cast<uint32_t*>(gram + column * K + row), K);
      }
    }
  });
}

}  // namespace salient
