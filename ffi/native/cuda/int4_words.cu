// Eight 4-bit integers in a 32-bit word, along the outputs or along the inputs: one thread for a word.
#include "../abi/kernels.h"
#include "simt.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;

struct Order {
  uint8_t neighbour[8];  // held by each nibble
};

// Where the codes of word i are: the first one, and from one neighbour to the next.
__device__ __forceinline__ void place_of(size_t i, bool along_out, size_t N, size_t K, size_t* first, size_t* step) {
  const size_t across = N / 8;
  *first = along_out ? i % across * 8 * K + i / across : i * 8;
  *step = along_out ? K : 1;
}

__global__ void pack_words(const uint8_t* codes, bool along_out, Order order, uint32_t* words, size_t N, size_t K) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= N * K / 8) return;
  size_t first, step;
  place_of(i, along_out, N, K, &first, &step);
  uint32_t word = 0;
  for (uint32_t b = 0; b < 8; b++) {
    word |= static_cast<uint32_t>(codes[first + order.neighbour[b] * step] & 15) << (4 * b);
  }
  words[i] = word;
}

__global__ void unpack_words(const uint32_t* words, bool along_out, Order order, uint8_t* codes, size_t N, size_t K) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= N * K / 8) return;
  size_t first, step;
  place_of(i, along_out, N, K, &first, &step);
  const uint32_t word = words[i];
  for (uint32_t b = 0; b < 8; b++) codes[first + order.neighbour[b] * step] = static_cast<uint8_t>(word >> (4 * b) & 15);
}

Order ordered(const uint8_t* order) {
  Order made;
  std::memcpy(made.neighbour, order, sizeof made.neighbour);
  return made;
}

}  // namespace

void pack_int4(const uint8_t* codes, bool along_out, const uint8_t* order, uint32_t* words, size_t N, size_t K) {
  simt::launch("packInt4", pack_words, simt::blocks(N * K / 8, kThreads), kThreads, 0, codes, along_out, ordered(order), words,
               N, K);
}

void unpack_int4(const uint32_t* words, bool along_out, const uint8_t* order, uint8_t* codes, size_t N, size_t K) {
  simt::launch("unpackInt4", unpack_words, simt::blocks(N * K / 8, kThreads), kThreads, 0, words, along_out, ordered(order),
               codes, N, K);
}

}  // namespace salient
