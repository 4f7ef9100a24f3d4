// Weights that stay quantized: 4-bit codes, eight to a word (8-bit codes, four to a word, above 4 bits).
//
// Sixteen rows make a tile. Word j of a group holds codes 8j to 8j + 7 of one row (see packed_shift), and the
// sixteen rows' words stand side by side, so that one vector register handles sixteen rows and an
// input of x is the same for all of its lanes. Scales keep their stored type; zeros are bytes.
#include "packed.h"

#include <cstdlib>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

size_t words_of_group(const Packed& p) { return (p.group + p.per_word - 1) / p.per_word; }

// Bytes of one tile: words, scales and zeros, each starting on a cache line.
struct TileSize {
  size_t words, scales, zeros, total;
};

TileSize tile_size(const Packed& p) {
  const size_t groups = p.K / p.group;
  const size_t words = groups * words_of_group(p) * kTileRows * sizeof(uint32_t);
  const size_t scales = round_up(groups * kTileRows * element_size(p.scale), 64);
  const size_t zeros = round_up(groups * kTileRows, 64);
  return {words, scales, zeros, words + scales + zeros};
}

size_t tiles(const Packed& p) { return (p.N + kTileRows - 1) / kTileRows; }

// Large pages where whole ones are filled: a weight is read from end to end, a page after the other.
char* allocate(size_t bytes) {
  constexpr size_t kHuge = size_t{2} << 20;
  const size_t alignment = bytes >= kHuge ? kHuge : 64;
  void* data = nullptr;
  if (posix_memalign(&data, alignment, std::max<size_t>(64, bytes)) != 0) return nullptr;
#if defined(__linux__)
  if (bytes >= kHuge) madvise(data, bytes / kHuge * kHuge, MADV_HUGEPAGE);
#endif
  return static_cast<char*>(data);
}

void fill_tile(const Level& level, const Packed& p, size_t tile, const uint8_t* codes, const float* scales,
               const uint8_t* zeros) {
  const TileSize size = tile_size(p);
  char* base = p.data + tile * size.total;
  std::memset(base, 0, size.total);
  auto* words = reinterpret_cast<uint32_t*>(base);
  const size_t groups = p.K / p.group, per_group = words_of_group(p);
  const size_t first = tile * kTileRows, rows = std::min(kTileRows, p.N - first);
  for (size_t r = 0; r < rows; ++r) {
    const uint8_t* row = codes + (first + r) * p.K;
    for (size_t g = 0; g < groups; ++g) {
      for (size_t i = 0; i < p.group; ++i) {
        const size_t word = (g * per_group + i / p.per_word) * kTileRows + r;
        words[word] |= static_cast<uint32_t>(row[g * p.group + i]) << packed_shift(i % p.per_word, p.per_word);
      }
      const size_t from = (first + r) * groups + g, to = g * kTileRows + r;
      level.from_f32(scales + from, base + size.words + to * element_size(p.scale), p.scale, 1);
      reinterpret_cast<uint8_t*>(base + size.words + size.scales)[to] = zeros[from];
    }
  }
}

// Each tile is read as it is, once for kFewPacked rows of x, and never written out as floats.
void few(const Level& level, const Packed& p, const float* x, size_t T, const float* bias, float* y) {
  const size_t bytes = level.packed_prepared_size(p.K, p.group, p.per_word);
  Scratch room(Scratch::room_for<char>(T * bytes));
  char* prepared = room.take<char>(T * bytes);
  parallel_for(T, 8, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      level.packed_prepare(x + t * p.K, p.K, p.group, p.per_word, prepared + t * bytes);
    }
  });
  // About 256 KiB of the weight a piece, in blocks of tiles that a kernel may take together.
  const size_t grain = std::max<size_t>(1, (size_t{1} << 16) / (tile_size(p).total + 1)) * 4;
  parallel_for(tiles(p), grain, [&](size_t begin, size_t end) {
    const size_t whole = std::min(end, p.N / kTileRows);
    for (size_t t = 0; t < T; t += kFewPacked) {
      const size_t rows = std::min(kFewPacked, T - t);
      const float* in = x + t * p.K;
      const char* of_rows = prepared + t * bytes;
      float* out = y + t * p.N;
      level.packed_few(packed_tile(p, begin), whole - begin, in, of_rows, rows, p.K, out + begin * kTileRows, p.N);
      if (whole < end) {
        float edge[kFewPacked * kTileRows];
        level.packed_few(packed_tile(p, whole), 1, in, of_rows, rows, p.K, edge, kTileRows);
        const size_t n = whole * kTileRows;
        for (size_t r = 0; r < rows; ++r) {
          std::memcpy(out + r * p.N + n, edge + r * kTileRows, (p.N - n) * sizeof(float));
        }
      }
      for (size_t r = 0; bias != nullptr && r < rows; ++r) {
        for (size_t n = begin * kTileRows; n < std::min(end * kTileRows, p.N); ++n) out[r * p.N + n] += bias[n];
      }
    }
  });
}

// A block of `columns` outputs from column n on: codes become the right side of a product, kDepth inputs
// at a time.
void block(const Level& level, const Packed& p, const float* x, size_t row, size_t rows, size_t n,
           size_t columns, const float* bias, float* y) {
  const size_t right_words = round_up(columns, std::max(level.panel, kTileRows)) * kDepth;
  Scratch room(Scratch::room_for<float>(rows * kStride) + Scratch::room_for<float>(right_words));
  float* left = room.take<float>(rows * kStride);
  float* right = room.take<float>(right_words);
  std::fill(right, right + right_words, 0.0f);
  for (size_t r = 0; r < rows && bias != nullptr; ++r) {
    std::memcpy(y + (row + r) * p.N + n, bias + n, columns * sizeof(float));
  }
  for (size_t k = 0; k < p.K; k += kDepth) {
    const size_t depth = std::min(kDepth, p.K - k);
    for (size_t r = 0; r < rows; ++r) {
      std::memcpy(left + r * kStride, x + (row + r) * p.K + k, depth * sizeof(float));
    }
    for (size_t j = 0; j < columns; j += kTileRows) {
      float* panel = right + j / level.panel * level.panel * depth + j % level.panel;
      level.packed_decode(packed_tile(p, (n + j) / kTileRows), k, depth, panel);
    }
    level.product(left, rows, right, columns, depth, y + row * p.N + n, p.N, k > 0 || bias != nullptr);
  }
}

}  // namespace

PackedTile packed_tile(const Packed& p, size_t tile) {
  const TileSize size = tile_size(p);
  const char* base = p.data + tile * size.total;
  return {reinterpret_cast<const uint32_t*>(base), base + size.words, p.scale,
          reinterpret_cast<const uint8_t*>(base + size.words + size.scales), p.group, p.per_word, size.total};
}

Packed* pack(const uint8_t* codes, const float* scales, const uint8_t* zeros, const Grid& grid, size_t N,
             size_t K) {
  const Level& level = salient::level();
  auto* p = new Packed{N, K, grid.group, grid.bits <= 4 ? size_t{8} : size_t{4}, grid.scale, nullptr, 0};
  p->bytes = tiles(*p) * tile_size(*p).total;
  p->data = allocate(p->bytes);
  if (p->data == nullptr) {
    delete p;
    throw std::bad_alloc();
  }
  parallel_for(tiles(*p), 4, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) fill_tile(level, *p, i, codes, scales, zeros);
  });
  return p;
}

void free_packed(Packed* packed) {
  if (packed == nullptr) return;
  std::free(packed->data);
  delete packed;
}

size_t packed_bytes(const Packed* packed) { return packed->bytes; }

void packed_linear(const Packed* packed, const float* x, const float* bias, float* y, size_t T) {
  const Packed& p = *packed;
  const Level& level = salient::level();
  if (T == 0 || p.N == 0) return;
  if (T <= kFewPacked || level.packed_few_always) {
    // So many rows that what is prepared of them stays small beside the weight's own cache.
    constexpr size_t kRows = 16 * kFewPacked;
    for (size_t t = 0; t < T; t += kRows) few(level, p, x + t * p.K, std::min(kRows, T - t), bias, y + t * p.N);
    return;
  }
  const size_t bands = (T + 383) / 384, height = round_up((T + bands - 1) / bands, 12);
  const size_t width = p.N >= 2048 ? 256 : 128, across = (p.N + width - 1) / width;
  parallel_for((T + height - 1) / height * across, 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const size_t row = i / across * height, n = i % across * width;
      block(level, p, x, row, std::min(height, T - row), n, std::min(width, p.N - n), bias, y);
    }
  });
}

}  // namespace salient
