// Eight 4-bit integers in a 32-bit word, along the outputs or along the inputs.
//
// Along the outputs a word holds one input of eight rows. Sixteen inputs of those rows are taken at a time:
// two rows make the bytes of a quarter of each word, and four such quarters are interleaved. The words of a
// tile are written, or read, a cache line at a time.
#include <cstring>

#include "panels.h"

namespace salient {
namespace {

using Bytes = uint8_t __attribute__((vector_size(16)));
using Pairs = uint16_t __attribute__((vector_size(16)));

constexpr size_t kInputs = 16;  // of a tile
constexpr size_t kWords = 16;   // of a tile, one cache line
constexpr Bytes kLow = {15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15};

Bytes load(const void* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

// Each byte shifted by four bits; no byte may lose any.
Bytes up(Bytes low) { return reinterpret_cast<Bytes>(reinterpret_cast<Pairs>(low) << 4); }
Bytes down(Bytes bytes) { return reinterpret_cast<Bytes>(reinterpret_cast<Pairs>(bytes) >> 4) & kLow; }

Bytes first_halves(Bytes a, Bytes b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
Bytes second_halves(Bytes a, Bytes b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
Bytes evens(Bytes a, Bytes b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
Bytes odds(Bytes a, Bytes b) {
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

// The words of sixteen inputs of eight rows.
void join(const uint8_t* rows, size_t K, const uint8_t* order, uint32_t* words) {
  Bytes quarter[4];
  for (size_t b = 0; b < 4; ++b) {
    quarter[b] = (load(rows + order[2 * b] * K) & kLow) | up(load(rows + order[2 * b + 1] * K) & kLow);
  }
  const Bytes a = first_halves(quarter[0], quarter[1]), b = first_halves(quarter[2], quarter[3]);
  const Bytes c = second_halves(quarter[0], quarter[1]), d = second_halves(quarter[2], quarter[3]);
  using Halves = uint16_t __attribute__((vector_size(16)));
  const auto low = [](Bytes x, Bytes y) {
    return __builtin_shufflevector(reinterpret_cast<Halves>(x), reinterpret_cast<Halves>(y), 0, 8, 1, 9, 2, 10, 3, 11);
  };
  const auto high = [](Bytes x, Bytes y) {
    return __builtin_shufflevector(reinterpret_cast<Halves>(x), reinterpret_cast<Halves>(y), 4, 12, 5, 13, 6, 14, 7, 15);
  };
  const Halves all[4] = {low(a, b), high(a, b), low(c, d), high(c, d)};
  std::memcpy(words, all, sizeof all);
}

// The inverse of join.
void split(const uint32_t* words, size_t K, const uint8_t* order, uint8_t* rows) {
  const Bytes w0 = load(words), w1 = load(words + 4), w2 = load(words + 8), w3 = load(words + 12);
  const Bytes e0 = evens(w0, w1), e1 = evens(w2, w3), o0 = odds(w0, w1), o1 = odds(w2, w3);
  const Bytes quarter[4] = {evens(e0, e1), evens(o0, o1), odds(e0, e1), odds(o0, o1)};
  for (size_t b = 0; b < 4; ++b) {
    const Bytes low = quarter[b] & kLow, high = down(quarter[b]);
    std::memcpy(rows + order[2 * b] * K, &low, sizeof low);
    std::memcpy(rows + order[2 * b + 1] * K, &high, sizeof high);
  }
}

uint32_t join_one(const uint8_t* from, size_t stride, const uint8_t* order) {
  uint32_t word = 0;
  for (size_t b = 0; b < 8; ++b) word |= static_cast<uint32_t>(from[order[b] * stride] & 15) << (4 * b);
  return word;
}

void split_one(uint32_t word, size_t stride, const uint8_t* order, uint8_t* to) {
  for (size_t b = 0; b < 8; ++b) to[order[b] * stride] = word >> (4 * b) & 15;
}

}  // namespace

void pack_int4(const uint8_t* codes, bool along_out, const uint8_t* order, uint32_t* words, size_t N, size_t K) {
  if (!along_out) {
    parallel_for(N * (K / 8), 16384, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) words[i] = join_one(codes + i * 8, 1, order);
    });
    return;
  }
  const size_t across = N / 8, whole = K / kInputs * kInputs;
  parallel_for(across, kWords, [&](size_t begin, size_t end) {
    for (size_t first = begin; first < end; first += kWords) {
      const size_t count = std::min(kWords, end - first);
      uint32_t tile[kWords][kInputs];
      for (size_t k = 0; k < whole; k += kInputs) {
        for (size_t i = 0; i < count; ++i) join(codes + (first + i) * 8 * K + k, K, order, tile[i]);
        for (size_t j = 0; j < kInputs; ++j) {
          uint32_t line[kWords];
          for (size_t i = 0; i < count; ++i) line[i] = tile[i][j];
          std::memcpy(words + (k + j) * across + first, line, count * sizeof(uint32_t));
        }
      }
      for (size_t k = whole; k < K; ++k) {
        for (size_t i = first; i < first + count; ++i) words[k * across + i] = join_one(codes + i * 8 * K + k, K, order);
      }
    }
  });
}

void unpack_int4(const uint32_t* words, bool along_out, const uint8_t* order, uint8_t* codes, size_t N, size_t K) {
  if (!along_out) {
    parallel_for(N * (K / 8), 16384, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) split_one(words[i], 1, order, codes + i * 8);
    });
    return;
  }
  const size_t across = N / 8, whole = K / kInputs * kInputs;
  parallel_for(across, kWords, [&](size_t begin, size_t end) {
    for (size_t first = begin; first < end; first += kWords) {
      const size_t count = std::min(kWords, end - first);
      uint32_t tile[kWords][kInputs];
      for (size_t k = 0; k < whole; k += kInputs) {
        for (size_t j = 0; j < kInputs; ++j) {
          uint32_t line[kWords];
          std::memcpy(line, words + (k + j) * across + first, count * sizeof(uint32_t));
          for (size_t i = 0; i < count; ++i) tile[i][j] = line[i];
        }
        for (size_t i = 0; i < count; ++i) split(tile[i], K, order, codes + (first + i) * 8 * K + k);
      }
      for (size_t k = whole; k < K; ++k) {
        for (size_t i = first; i < first + count; ++i) split_one(words[k * across + i], K, order, codes + i * 8 * K + k);
      }
    }
  });
}

}  // namespace salient
