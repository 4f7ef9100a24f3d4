// Eight 4-bit integers in a 32-bit word, along the outputs or along the inputs.
#include "panels.h"

namespace salient {

void pack_int4(const uint8_t* codes, bool along_out, const uint8_t* order, uint32_t* words, size_t N, size_t K) {
  if (!along_out) {
    const size_t across = K / 8;
    parallel_for(N * across, 16384, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        const uint8_t* from = codes + i / across * K + i % across * 8;
        uint32_t word = 0;
        for (size_t b = 0; b < 8; ++b) word |= static_cast<uint32_t>(from[order[b]] & 15) << (4 * b);
        words[i] = word;
      }
    });
    return;
  }
  // Sixteen words, one cache line, of every input at a time.
  const size_t across = N / 8;
  parallel_for(across, 16, [&](size_t begin, size_t end) {
    for (size_t k = 0; k < K; ++k) {
      for (size_t i = begin; i < end; ++i) {
        const uint8_t* from = codes + i * 8 * K + k;
        uint32_t word = 0;
        for (size_t b = 0; b < 8; ++b) word |= static_cast<uint32_t>(from[order[b] * K] & 15) << (4 * b);
        words[k * across + i] = word;
      }
    }
  });
}

void unpack_int4(const uint32_t* words, bool along_out, const uint8_t* order, uint8_t* codes, size_t N, size_t K) {
  if (!along_out) {
    const size_t across = K / 8;
    parallel_for(N * across, 16384, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        uint8_t* to = codes + i / across * K + i % across * 8;
        for (size_t b = 0; b < 8; ++b) to[order[b]] = words[i] >> (4 * b) & 15;
      }
    });
    return;
  }
  const size_t across = N / 8;
  parallel_for(across, 16, [&](size_t begin, size_t end) {
    for (size_t k = 0; k < K; ++k) {
      for (size_t i = begin; i < end; ++i) {
        uint8_t* to = codes + i * 8 * K + k;
        for (size_t b = 0; b < 8; ++b) to[order[b] * K] = words[k * across + i] >> (4 * b) & 15;
      }
    }
  });
}

}  // namespace salient
