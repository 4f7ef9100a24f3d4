// Packing and unpacking of quantized weights. The layout is described in packed_layout.h.
#include "packed_layout.h"

#include <algorithm>

namespace salient::cuda {
namespace {

constexpr u32 kThreads = 256;

// A thread for each lane of each chunk of each tile.
__global__ void pack_codes(PackedLayout l, Codes w, u32* words) {
  const size_t id = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const u32 lane = id % 32;
  const size_t at = id / 32;
  if (at >= static_cast<size_t>(l.tiles) * l.chunks) return;
  const u32 tile = static_cast<u32>(at / l.chunks), chunk = static_cast<u32>(at % l.chunks);
  u32* to = words + at * (chunk_bytes(l.container) / 4);
  for (u32 i = 0; i < l.container; ++i) to[word_place(l.container, lane, i)] = packed_word(l, w, tile, chunk, lane, i);
}

__global__ void pack_meta(PackedLayout l, Codes w, u32* words) {
  const size_t id = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const u32 position = id % kTileRows;
  const size_t at = id / kTileRows;
  if (at >= static_cast<size_t>(l.tiles) * l.groups) return;
  words[id] = packed_meta(l, w, static_cast<u32>(at / l.groups), static_cast<u32>(at % l.groups), position);
}

// A thread for eight neighbouring inputs of two rows, for each unit of a chunk.
__global__ void unpack_rows(PackedLayout l, const unsigned char* data, u32 first, u32 rows, Element type, void* out,
                            u32 stride) {
  const size_t id = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const u32 lane = id % 32, g = lane / 4, c = lane % 4;
  const size_t at = id / 32;
  const u32 first_tile = first / kTileRows;
  const u32 tile = first_tile + static_cast<u32>(at / l.chunks), chunk = static_cast<u32>(at % l.chunks);
  if (tile >= l.tiles || tile * kTileRows >= first + rows) return;
  const u32* words =
      reinterpret_cast<const u32*>(data + (static_cast<size_t>(tile) * l.chunks + chunk) * chunk_bytes(l.container));
  const u32* meta = reinterpret_cast<const u32*>(data + l.meta_offset);
  for (u32 unit = 0; unit < 2; ++unit) {
    const u32 group = (2 * chunk + unit) / l.units_of_group;
    const u32 inside = (2 * chunk + unit) % l.units_of_group * kUnit + 8 * c;
    if (group >= l.groups) continue;
    for (u32 half = 0; half < 2; ++half) {
      const u32 row = tile * kTileRows + g + 8 * half;
      if (row < first || row >= first + rows) continue;
      const u32 word = meta[(static_cast<size_t>(tile) * l.groups + group) * kTileRows + 2 * g + half];
      const float scale = __uint_as_float(word & 0xffffff00u);
      const int zero = static_cast<int>(word & 0xff);
      const size_t to = static_cast<size_t>(row - first) * stride + static_cast<size_t>(group) * l.group + inside;
      for (u32 i = 0; i < 8 && inside + i < l.group; ++i) {
        const u32 step = i / 4, r = i % 4 / 2 * 2 + half, h = i % 2;
        u32 code;
        if (l.container == 4) code = words[word_place(4, lane, 2 * unit + step)] >> 4 * (r + 4 * h) & 15;
        else code = words[word_place(8, lane, 4 * unit + 2 * step + r / 2)] >> 8 * (2 * (r % 2) + h) & 255;
        store_element(out, type, to + i, static_cast<float>(static_cast<int>(code) - zero) * scale);
      }
      if (group + 1 < l.groups || inside >= l.group || inside + 8 < l.group) continue;
      for (u32 k = l.K; k < stride; ++k) store_element(out, type, static_cast<size_t>(row - first) * stride + k, 0.0f);
    }
  }
}

}  // namespace

PackedLayout packed_layout(uint32_t N, uint32_t K, uint32_t group, uint32_t bits) {
  PackedLayout l{};
  l.N = N;
  l.K = K;
  l.group = group;
  l.container = bits <= 4 ? 4 : 8;
  l.groups = K / group;
  l.tiles = (N + kTileRows - 1) / kTileRows;
  l.units_of_group = (group + kUnit - 1) / kUnit;
  l.chunks = (l.groups * l.units_of_group + 1) / 2;
  l.meta_offset = static_cast<size_t>(l.tiles) * l.chunks * chunk_bytes(l.container);
  l.bytes = l.meta_offset + static_cast<size_t>(l.tiles) * l.groups * kTileRows * 4;
  return l;
}

void pack(const PackedLayout& l, const uint8_t* codes, const float* scales, const uint8_t* zeros, void* data) {
  const Codes w{codes, scales, zeros};
  if (l.bytes == 0) return;
  auto* bytes = static_cast<unsigned char*>(data);
  const size_t lanes = static_cast<size_t>(l.tiles) * l.chunks * 32, words = static_cast<size_t>(l.tiles) * l.groups * kTileRows;
  simt::launch("pack codes", pack_codes, simt::blocks(lanes, kThreads), kThreads, 0, l, w, reinterpret_cast<u32*>(bytes));
  simt::launch("pack scales", pack_meta, simt::blocks(words, kThreads), kThreads, 0, l, w,
               reinterpret_cast<u32*>(bytes + l.meta_offset));
}

void pack_on_host(const PackedLayout& l, const uint8_t* codes, const float* scales, const uint8_t* zeros, void* data) {
  const Codes w{codes, scales, zeros};
  auto* bytes = static_cast<unsigned char*>(data);
  auto* words = reinterpret_cast<u32*>(bytes);
  for (u32 tile = 0; tile < l.tiles; ++tile) {
    for (u32 chunk = 0; chunk < l.chunks; ++chunk, words += chunk_bytes(l.container) / 4) {
      for (u32 lane = 0; lane < 32; ++lane) {
        for (u32 i = 0; i < l.container; ++i) {
          words[word_place(l.container, lane, i)] = packed_word(l, w, tile, chunk, lane, i);
        }
      }
    }
  }
  auto* meta = reinterpret_cast<u32*>(bytes + l.meta_offset);
  for (u32 tile = 0; tile < l.tiles; ++tile) {
    for (u32 group = 0; group < l.groups; ++group) {
      for (u32 i = 0; i < kTileRows; ++i) *meta++ = packed_meta(l, w, tile, group, i);
    }
  }
}

void unpack(const PackedLayout& l, const void* data, uint32_t first, uint32_t rows, Element type, void* out,
            uint32_t stride) {
  if (rows == 0 || l.K == 0) return;
  const u32 tiles = (first + rows + kTileRows - 1) / kTileRows - first / kTileRows;
  const size_t lanes = static_cast<size_t>(tiles) * l.chunks * 32;
  simt::launch("unpack weights", unpack_rows, simt::blocks(lanes, kThreads), kThreads, 0, l,
               static_cast<const unsigned char*>(data), first, rows, type, out, stride);
}

}  // namespace salient::cuda
