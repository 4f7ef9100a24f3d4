// See interleave_rows.h.
#include "interleave_rows.h"

namespace salient::cuda {
namespace {

constexpr u32 kThreads = 256;

// Rows that need no other change than the order: a thread for 16 bytes of a row, four pairs of inputs that stood 16
// bytes apart.
__global__ void __launch_bounds__(kThreads) interleave(const u32* rows, uint4* out, u32 T, u32 pairs, u32 width_pieces) {
  const size_t id = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (id >= static_cast<size_t>(T) * width_pieces) return;
  const size_t row = id / width_pieces;
  const u32 piece = static_cast<u32>(id % width_pieces), first = piece / 4 * 16 + piece % 4;
  u32 words[4];
#pragma unroll
  for (u32 c = 0; c < 4; ++c) {
    const u32 pair = first + 4 * c;
    words[c] = pair < pairs ? rows[row * pairs + pair] : 0;
  }
  out[id] = make_uint4(words[0], words[1], words[2], words[3]);
}

}  // namespace

void interleave_rows(const void* rows, Element type, uint16_t* out, Element out_type, float* row_scales, u32 T, const Spread& s) {
  const bool straight = s.group == s.padded_group || s.group >= s.K;
  if (type != out_type || !straight || s.K % 2 != 0 || reinterpret_cast<uintptr_t>(rows) % 4 != 0 || s.width % 32 != 0) {
    Spread interleaved = s;
    interleaved.interleaved = true;
    prepare_rows(rows, type, out, out_type, row_scales, T, interleaved);
    return;
  }
  const size_t pieces = static_cast<size_t>(T) * (s.width / 8);
  if (pieces == 0) return;
  simt::launch("interleave rows", interleave, simt::blocks(pieces, kThreads), kThreads, 0, static_cast<const u32*>(rows),
               reinterpret_cast<uint4*>(out), T, s.K / 2, s.width / 8);
}

}  // namespace salient::cuda
