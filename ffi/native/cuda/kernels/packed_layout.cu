// Packing and unpacking of quantized weights. The layout is described in packed_layout.h.
#include "packed_layout.h"

#include <algorithm>

namespace salient::cuda {
namespace {

constexpr u32 kThreads = 256;

// A thread for each lane of each chunk of each tile.
template <int container>
__global__ void pack_codes(PackedLayout l, Codes w, u32* to) {
  const size_t id = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const u32 lane = id % 32;
  const size_t at = id / 32;
  if (at >= static_cast<size_t>(l.tiles) * l.chunks) return;
  u32 words[container];
  packed_words<container>(l, w, static_cast<u32>(at / l.chunks), static_cast<u32>(at % l.chunks), lane, words);
  to += at * (chunk_bytes(container) / 4);
#pragma unroll
  for (u32 i = 0; i < container; ++i) to[word_place<container>(lane, i)] = words[i];
}

__global__ void pack_meta(PackedLayout l, Codes w, u32* words) {
  const size_t id = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const u32 position = id % kTileRows;
  const size_t at = id / kTileRows;
  if (at >= static_cast<size_t>(l.tiles) * l.groups) return;
  words[id] = packed_meta(l, w, static_cast<u32>(at / l.groups), static_cast<u32>(at % l.groups), position);
}

// The first `count` of eight neighbours: in one store where all of them are 16-bit numbers on 16 bytes.
__device__ __forceinline__ void store_eight(void* out, Element type, size_t at, const float (&values)[8], u32 count) {
  if (type != Element::F32 && count == 8 && (reinterpret_cast<uintptr_t>(out) + 2 * at) % 16 == 0) {
    const auto both = [&](int i) {
      return type == Element::F16 ? pack_f16(values[i], values[i + 1]) : pack_bf16(values[i], values[i + 1]);
    };
    *reinterpret_cast<uint4*>(static_cast<uint16_t*>(out) + at) = make_uint4(both(0), both(2), both(4), both(6));
    return;
  }
#pragma unroll
  for (u32 i = 0; i < 8; ++i) {
    if (i < count) store_element(out, type, at + i, values[i]);
  }
}

// A thread for eight neighbouring inputs of two rows, for each unit of a chunk.
template <int container>
__global__ void unpack_rows(PackedLayout l, const unsigned char* data, u32 first, u32 rows, Element type, void* out,
                            u32 stride) {
  const size_t id = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const u32 lane = id % 32, g = lane / 4, c = lane % 4;
  const size_t at = id / 32;
  const u32 first_tile = first / kTileRows;
  const u32 tile = first_tile + static_cast<u32>(at / l.chunks), chunk = static_cast<u32>(at % l.chunks);
  if (tile >= l.tiles || tile * kTileRows >= first + rows) return;
  const u32* from =
      reinterpret_cast<const u32*>(data + (static_cast<size_t>(tile) * l.chunks + chunk) * chunk_bytes(container));
  u32 words[container];
#pragma unroll
  for (u32 i = 0; i < container; ++i) words[i] = from[word_place<container>(lane, i)];
  const u32* meta = reinterpret_cast<const u32*>(data + l.meta_offset);
#pragma unroll
  for (u32 unit = 0; unit < 2; ++unit) {
    const u32 group = (2 * chunk + unit) / l.units_of_group;
    const u32 inside = (2 * chunk + unit) % l.units_of_group * kUnit + 8 * c;
    if (group >= l.groups) continue;
#pragma unroll
    for (u32 half = 0; half < 2; ++half) {
      const u32 row = tile * kTileRows + g + 8 * half;
      if (row < first || row >= first + rows) continue;
      const u32 word = meta[(static_cast<size_t>(tile) * l.groups + group) * kTileRows + 2 * g + half];
      const float scale = __uint_as_float(word & 0xffffff00u);
      const int zero = static_cast<int>(word & 0xff);
      float values[8];
#pragma unroll
      for (u32 i = 0; i < 8; ++i) {
        const u32 code = take_code<container>(words, unit, i / 4, i % 4 / 2 * 2 + half, i % 2);
        values[i] = static_cast<float>(static_cast<int>(code) - zero) * scale;
      }
      const size_t line = static_cast<size_t>(row - first) * stride, to = line + static_cast<size_t>(group) * l.group + inside;
      store_eight(out, type, to, values, inside < l.group ? min(8u, l.group - inside) : 0);
      if (group + 1 < l.groups || inside >= l.group || inside + 8 < l.group) continue;
      for (u32 k = l.K; k < stride; ++k) store_element(out, type, line + k, 0.0f);
    }
  }
}

}  // namespace

PackedLayout packed_layout(uint32_t N, uint32_t K, uint32_t group, uint32_t bits) {
  PackedLayout l{};
  l.N = N;
  l.K = K;
  l.group = group;
  l.container = bits <= 4 ? std::max(bits, 2u) : 8;
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
  with_container(l.container, [&](auto container) {
    simt::launch("pack codes", pack_codes<container.value>, simt::blocks(lanes, kThreads), kThreads, 0, l, w,
                 reinterpret_cast<u32*>(bytes));
  });
  simt::launch("pack scales", pack_meta, simt::blocks(words, kThreads), kThreads, 0, l, w,
               reinterpret_cast<u32*>(bytes + l.meta_offset));
}

void pack_on_host(const PackedLayout& l, const uint8_t* codes, const float* scales, const uint8_t* zeros, void* data) {
  const Codes w{codes, scales, zeros};
  auto* bytes = static_cast<unsigned char*>(data);
  with_container(l.container, [&](auto container) {
    auto* to = reinterpret_cast<u32*>(bytes);
    u32 words[container.value];
    for (size_t at = 0; at < static_cast<size_t>(l.tiles) * l.chunks; ++at, to += chunk_bytes(container) / 4) {
      for (u32 lane = 0; lane < 32; ++lane) {
        packed_words<container.value>(l, w, static_cast<u32>(at / l.chunks), static_cast<u32>(at % l.chunks), lane, words);
        for (u32 i = 0; i < container; ++i) to[word_place<container.value>(lane, i)] = words[i];
      }
    }
  });
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
  with_container(l.container, [&](auto container) {
    simt::launch("unpack weights", unpack_rows<container.value>, simt::blocks(lanes, kThreads), kThreads, 0, l,
                 static_cast<const unsigned char*>(data), first, rows, type, out, stride);
  });
}

}  // namespace salient::cuda
