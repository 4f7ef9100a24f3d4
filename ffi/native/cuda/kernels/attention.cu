// Causal attention: how it is cut into blocks, and the joining of parts. The tiles are in attention_tiles.h.
#include "attention_tiles.h"
#include "multiprocessors.h"

#include <algorithm>

namespace salient::cuda {
namespace {

// Keys that a part should have at least.
constexpr u32 kLeastKeys = 256;
constexpr u32 kMostParts = 64;

constexpr u32 kJoinThreads = 128;

// One block for a row of a key head: parts in their order.
__global__ void __launch_bounds__(kJoinThreads) attention_join(AttentionCall call) {
  const AttentionView view(call);
  const u32 row = blockIdx.x, kv_head = blockIdx.y, sequence = blockIdx.z, d = call.shape.head_dim;
  const float* parts =
      call.partial + ((static_cast<size_t>(sequence) * call.shape.kv_heads + kv_head) * view.rows + row) * call.parts * call.part_floats;
  const float none = __uint_as_float(0xff800000u);
  float top = none, total = 0.0f;
  for (u32 p = 0; p < call.parts; ++p) top = fmaxf(top, parts[p * call.part_floats + d]);
  for (u32 p = 0; p < call.parts && top != none; ++p) {
    total += parts[p * call.part_floats + d + 1] * expf(parts[p * call.part_floats + d] - top);
  }
  const size_t to = row_place(call, view, sequence, kv_head, row);
  for (u32 channel = threadIdx.x; channel < d; channel += kJoinThreads) {
    float sum = 0.0f;
    for (u32 p = 0; p < call.parts && top != none; ++p) {
      sum += parts[p * call.part_floats + channel] * expf(parts[p * call.part_floats + d] - top);
    }
    store_element(call.out, call.type, to + channel, total > 0.0f ? sum / total : 0.0f);
  }
}

u32 rows_of(const AttentionShape& s) { return s.queries * (s.heads / s.kv_heads); }

// Rows of a block, by what there is to do.
u32 block_rows(const AttentionShape& s) { return rows_of(s) <= 16 || s.head_dim > 256 ? 16 : s.head_dim > 128 ? 32 : 64; }

u32 parts_of(const AttentionShape& s, u32 keys) {
  const u32 rows = rows_of(s), blocks = (rows + block_rows(s) - 1) / block_rows(s) * s.kv_heads * s.sequences;
  if (rows > 16 || blocks == 0) return 1;
  const u32 wanted = 2 * multiprocessors() / blocks, most = std::min(kMostParts, keys / kLeastKeys);
  return std::max(1u, std::min(wanted, most));
}

size_t part_bytes(const AttentionShape& s, u32 parts) {
  return parts == 1 ? 0 : size_t{4} * s.sequences * s.kv_heads * rows_of(s) * parts * (s.head_dim + 2);
}

template <class C>
void launch_tiles(AttentionCall call) {
  static_assert(C::shared_bytes <= 99 * 1024);
  call.row_blocks = (rows_of(call.shape) + C::BQ - 1) / C::BQ;
  const dim3 grid(call.row_blocks * call.parts, call.shape.kv_heads, call.shape.sequences);
  simt::launch("attention", attention_tiles<C>, grid, C::threads, C::shared_bytes, call);
}

template <int D, bool Shaped>
void launch_rows(const AttentionCall& call) {
  constexpr int BK = D == 512 ? 16 : D == 256 ? 32 : 64;
  if constexpr (D == 512) launch_tiles<AttentionConfig<D, 16, BK, Shaped>>(call);
  else if (block_rows(call.shape) == 16) launch_tiles<AttentionConfig<D, 16, BK, Shaped>>(call);
  else launch_tiles<AttentionConfig<D, D == 256 ? 32 : 64, BK, Shaped>>(call);
}

template <int D>
void launch_width(const AttentionCall& call) {
  if (call.shape.softcap > 0 || call.shape.slopes != nullptr) launch_rows<D, true>(call);
  else launch_rows<D, false>(call);
}

void run(AttentionCall call) {
  const AttentionShape& s = call.shape;
  if (s.queries == 0 || s.sequences == 0 || s.heads == 0 || s.head_dim == 0) return;
  call.part_floats = s.head_dim + 2;
  const uintptr_t places = reinterpret_cast<uintptr_t>(call.q) | reinterpret_cast<uintptr_t>(call.k) | reinterpret_cast<uintptr_t>(call.v);
  call.fours = s.head_dim % 4 == 0 && places % 16 == 0;
  if (s.head_dim <= 64) launch_width<64>(call);
  else if (s.head_dim <= 128) launch_width<128>(call);
  else if (s.head_dim <= 256) launch_width<256>(call);
  else launch_width<512>(call);
  if (call.parts == 1) return;
  simt::launch("join attention", attention_join, dim3(rows_of(s), s.kv_heads, s.sequences), kJoinThreads, 0, call);
}

}  // namespace

size_t attention_workspace(const AttentionShape& shape) { return part_bytes(shape, parts_of(shape, shape.keys)); }

void attention(const void* q, const void* k, const void* v, void* out, Element type, const AttentionShape& shape,
               const Workspace& workspace) {
  run({shape, q, k, v, out, type, nullptr, static_cast<float*>(workspace.data), parts_of(shape, shape.keys), 0, 0, false});
}

size_t decode_attention_workspace(const AttentionShape& shape, uint32_t capacity) {
  return part_bytes(shape, parts_of(shape, capacity));
}

void decode_attention(const void* q, const void* k, const void* v, void* out, Element type, const AttentionShape& shape,
                      const uint32_t* length, uint32_t capacity, const Workspace& workspace) {
  run({shape, q, k, v, out, type, length, static_cast<float*>(workspace.data), parts_of(shape, capacity), 0, 0, false});
}

}  // namespace salient::cuda
