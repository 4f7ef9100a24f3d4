// What a product of a packed weight is given, and what the shape of its blocks makes of shared memory.
#pragma once

#include "packed_layout.h"

namespace salient::cuda {

struct PackedProduct {
  PackedLayout layout;
  const unsigned char* data;
  const uint16_t* x;        // [T, width]
  const float* row_scales;  // [T] or null
  const float* bias;        // [N] or null
  void* y;                  // [T, N]
  float* partial;           // [parts, T, N] where parts > 1
  u32* counters;
  Element y_type;
  u32 T, width, chunks_of_part;
  u32 group_magic;  // ceil(2^31 / units_of_group): group = high half of (2 unit + 1) magic
};

// NT: blocks of 8 tokens, of which the first `kept_` rows of x are brought to shared memory (no more are there); MT:
// tiles of 16 outputs of a warp.
template <class Half_, int container_, int NT_, int MT_, int NW_, int KW_, int stages_, int kept_ = 8 * NT_>
struct PackedConfig {
  using Half = Half_;
  static constexpr int container = container_, NT = NT_, MT = MT_, NW = NW_, KW = KW_, stages = stages_;
  static constexpr int threads = 32 * NW * KW, tokens = 8 * NT, kept = kept_, rows = 16 * MT * NW;
  static constexpr int lane_words = container == 8 ? 4 : container;  // that a lane takes at a time: a chunk's, or a unit's
  static constexpr int x_bytes = kept * 128, code_bytes = container * 128, meta_bytes = 128;
  static constexpr int warp_bytes = MT * (code_bytes + meta_bytes);
  static constexpr int stage_bytes = x_bytes + NW * warp_bytes;
  static constexpr int pitch = rows + 4;  // of a token's sums in shared memory, in floats
  static constexpr int sum_bytes = KW * tokens * pitch * 4;
  static constexpr int ring_bytes = stages * stage_bytes;  // of a group
  static constexpr int shared_bytes = KW * ring_bytes > sum_bytes ? KW * ring_bytes : sum_bytes;
};

}  // namespace salient::cuda
