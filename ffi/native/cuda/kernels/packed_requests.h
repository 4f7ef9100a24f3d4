// The asynchronous copies of a packed product: chunk after chunk, from addresses that move on by constants.
//
// With one token an instruction counts: at 3.35 TB/s an H100's memory brings each of a multiprocessor's four schedulers a
// chunk every 150 cycles with 4-bit codes, every 114 with 3 bits, every 79 with 2 (see docs/cuda.md).
#pragma once

#include "packed_config.h"

namespace salient::cuda {

// What a thread asks for of each chunk that is its group's turn.
template <class C>
class Requests {
 public:
  // From chunk `first` to `end`, a chunk in C::KW, into the ring of this warp's group.
  __device__ __forceinline__ Requests(const PackedProduct& p, SharedPlace ring, u32 first, u32 end, u32 first_tile,
                                      u32 first_token, u32 lane, u32 warp)
      : lane_(lane),
        left_(static_cast<int>(end) - static_cast<int>(first)),
        codes_at_(first * C::code_bytes),
        odd_(4 * first + 2 * (lane / 4 % 2) + 1),
        magic_(p.group_magic),
        last_group_(p.layout.groups - 1) {
    // A row of x is 8 pieces of 16 bytes; odd rows have their halves swapped, against bank conflicts.
    const u32 piece = warp * 32 + lane, row = piece / 8, at = piece % 8;
    const u32 there = min(p.T - first_token, static_cast<u32>(C::kept));
    x_ = reinterpret_cast<const unsigned char*>(p.x + static_cast<size_t>(first_token + row) * p.width + first * kChunk + at * 8);
    x_step_ = size_t{p.width} * (8 * C::NW);
    x_rows_ = held(there > row ? there - row : 0);
    x_to_ = held(ring + (row * 128 + (at ^ (row & 1) * 4) * 16));
    weights_to_ = held(ring + (C::x_bytes + warp * C::warp_bytes + lane * 16));
#pragma unroll
    for (int m = 0; m < C::MT; ++m) {
      const u32 tile = min(first_tile + m, p.layout.tiles - 1);
      codes_[m] = p.data + static_cast<size_t>(tile) * p.layout.chunks * C::code_bytes + lane * 16;
      meta_[m] = p.data + p.layout.meta_offset + static_cast<size_t>(tile) * p.layout.groups * (kTileRows * 4) + lane % 4 * 16;
      if (C::code_bytes < 512 && lane * 16 >= C::code_bytes) codes_[m] = meta_[m];
    }
  }

  // Asks for the next chunk, if there is one: weights and scales of this warp's tiles, and this thread's share of x, to a
  // stage that begins `at` bytes into the ring.
  __device__ __forceinline__ void next(u32 at) {
    if (left_ > 0) {
#pragma unroll
      for (u32 i = 0; i * 4 * C::NW < C::kept; ++i) {
        // Rows of a later i lie 4 NW further on, an even number.
        copy_async_if(i * 4 * C::NW < x_rows_, x_to_ + at + i * 4 * C::NW * 128, x_ + i * x_step_);
      }
      const u32 group = min(__umulhi(odd_, magic_), last_group_), meta_at = group * (kTileRows * 4);
#pragma unroll
      for (int m = 0; m < C::MT; ++m) {
        const SharedPlace to = weights_to_ + at + m * (C::code_bytes + C::meta_bytes);
        if constexpr (C::code_bytes < 512) {
          // The lanes that codes leave over bring the scales in the same instruction.
          const u32 from = lane_ * 16 < C::code_bytes ? codes_at_ : meta_at;
          constexpr u32 kAll = C::code_bytes + C::meta_bytes;
          copy_async_if(kAll == 512 || lane_ * 16 < kAll, to, codes_[m] + from);
        } else {
#pragma unroll
          for (int i = 0; i < C::code_bytes; i += 512) copy_async_if(true, to + i, codes_[m] + codes_at_ + i);
          copy_async_if(lane_ * 16 < C::meta_bytes, to + C::code_bytes, meta_[m] + meta_at);
        }
      }
    }
    left_ -= C::KW;
    codes_at_ += C::KW * C::code_bytes;
    odd_ += 4 * C::KW;
    x_ += C::KW * kChunk * 2;
  }

 private:
  u32 lane_;
  int left_;      // chunks from the next one to the end
  u32 codes_at_;  // where the next chunk's codes begin
  u32 odd_;       // 2 unit + 1 of the unit whose scales this lane brings
  u32 magic_, last_group_;
  const unsigned char* x_;  // this lane's first piece; those of a later i are multiples of x_step_ bytes further on
  size_t x_step_;
  u32 x_rows_;  // of x from this lane's first on
  SharedPlace x_to_, weights_to_;
  const unsigned char* codes_[C::MT];
  const unsigned char* meta_[C::MT];
};

}  // namespace salient::cuda
