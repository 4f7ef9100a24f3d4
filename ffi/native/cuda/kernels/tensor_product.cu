// Tiled products on tensor cores. See tensor_product.h.
//
// Both operands lie with the summed index along their rows, which is what ldmatrix and mma.sync take without a
// transposition, and bytes are bytes: m16n8k16 of 16-bit and m16n8k32 of 8-bit numbers differ in the instruction alone.
// 128 bytes of each row of a tile are a stage of a ring in shared memory; its 16-byte pieces are permuted by the
// row (piece ^ row % 8), so that eight rows' pieces lie in different banks.
#include "tensor_product.h"

#include "library_product.h"
#include "multiprocessors.h"
#include "thresholds.h"
#include "wgmma_product.h"

namespace salient::cuda {
namespace {

struct TypeF16 {
  using Sum = float;
  static __device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_f16(d, a, b); }
};
struct TypeBf16 {
  using Sum = float;
  static __device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_bf16(d, a, b); }
};
struct TypeS8 {
  using Sum = int;
  static __device__ __forceinline__ void mma(int (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_s8(d, a, b); }
};

constexpr u32 kStageBytes = 128;  // of a row
constexpr int kStages = 3;

// Tiles of BM x BN, by WM x WN warps.
template <class Type_, int BM_, int BN_, int WM_, int WN_>
struct TensorConfig {
  using Type = Type_;
  static constexpr int BM = BM_, BN = BN_, WM = WM_, WN = WN_, threads = 32 * WM * WN;
  static constexpr int MT = BM / WM / 16, NT = BN / WN / 8;  // of a warp
  static constexpr int stage_bytes = (BM + BN) * static_cast<int>(kStageBytes), shared_bytes = kStages * stage_bytes;
  static constexpr int pitch = BN + 4;  // of a row of sums in shared memory, in floats
  static_assert(NT % 2 == 0 && shared_bytes <= 99 * 1024 && BM * pitch * 4 <= shared_bytes);
};

// Asks for `rows` rows from `first` on, zeros where the matrix ends.
template <int rows, int threads>
__device__ __forceinline__ void request_rows(unsigned char* to, const unsigned char* matrix, u32 first, u32 all, u32 row_bytes,
                                             u32 offset) {
#pragma unroll
  for (u32 i = threadIdx.x; i < rows * 8; i += threads) {
    const u32 row = i / 8, piece = i % 8, at = offset + piece * 16;
    const bool there = first + row < all && at < row_bytes;
    const unsigned char* from = matrix + (there ? static_cast<size_t>(first + row) * row_bytes + at : 0);
    copy_async(to + row * kStageBytes + (piece ^ row % 8) * 16, from, there ? 16 : 0);
  }
}

// Row `row` of a stage's tile, from the 16-byte piece `piece` on.
__device__ __forceinline__ const unsigned char* piece_at(const unsigned char* tile, u32 row, u32 piece) {
  return tile + row * kStageBytes + (piece ^ row % 8) * 16;
}

template <class C>
__device__ __forceinline__ void multiply_stage(const unsigned char* a, const unsigned char* b, u32 row, u32 column,
                                               typename C::Type::Sum (&sums)[C::MT][C::NT][4]) {
  const u32 lane = threadIdx.x % 32, j = lane / 8, r = lane % 8;
#pragma unroll
  for (u32 step = 0; step < 4; ++step) {
    u32 left[C::MT][4], right[C::NT / 2][4];
#pragma unroll
    for (int m = 0; m < C::MT; ++m) load_matrices(left[m], piece_at(a, row + 16 * m + j % 2 * 8 + r, 2 * step + j / 2));
#pragma unroll
    for (int n = 0; n < C::NT / 2; ++n) load_matrices(right[n], piece_at(b, column + 16 * n + j / 2 * 8 + r, 2 * step + j % 2));
#pragma unroll
    for (int m = 0; m < C::MT; ++m) {
#pragma unroll
      for (int n = 0; n < C::NT; ++n) {
        const u32 pair[2] = {right[n / 2][n % 2 * 2], right[n / 2][n % 2 * 2 + 1]};
        C::Type::mma(sums[m][n], left[m], pair);
      }
    }
  }
}

// A tile's sums from shared memory to where they belong.
template <class C>
__device__ __forceinline__ void write_tile(const TensorProduct& p, const float* tile, u32 first_row, u32 first_column) {
  for (u32 i = threadIdx.x; i < C::BM * C::BN; i += C::threads) {
    const u32 t = first_row + i / C::BN, n = first_column + i % C::BN;
    if (t >= p.T || n >= p.N) continue;
    float value = tile[i / C::BN * C::pitch + i % C::BN];
    if (p.row_scales != nullptr) value *= p.row_scales[t];
    if (p.column_scales != nullptr) value *= p.column_scales[n];
    if (p.bias != nullptr) value += p.bias[n];
    store_element(p.y, p.y_type, static_cast<size_t>(t) * p.stride + n, value);
  }
}

// Blocks are numbered down bands of eight row blocks, so that those at work together share what they read.
__device__ __forceinline__ uint2 block_place(u32 down, u32 across) {
  constexpr u32 kBand = 8;
  const u32 band = blockIdx.x / (kBand * across), height = min(kBand, down - band * kBand);
  const u32 inside = blockIdx.x - band * kBand * across;
  return make_uint2(band * kBand + inside % height, inside / height);
}

template <class C>
__global__ void __launch_bounds__(C::threads) tensor_tiles(TensorProduct p) {
  SIMT_DYNAMIC_SHARED(unsigned char, shared);
  const uint2 place = block_place((p.T + C::BM - 1) / C::BM, (p.N + C::BN - 1) / C::BN);
  const u32 first_row = place.x * C::BM, first_column = place.y * C::BN;
  const u32 warp = threadIdx.x / 32, row = warp / C::WN * (16 * C::MT), column = warp % C::WN * (8 * C::NT);
  const u32 rounds = (p.row_bytes + kStageBytes - 1) / kStageBytes;
  typename C::Type::Sum sums[C::MT][C::NT][4] = {};
  const auto request = [&](u32 round, u32 slot) {
    unsigned char* stage = shared + slot * C::stage_bytes;
    request_rows<C::BM, C::threads>(stage, p.a, first_row, p.T, p.row_bytes, round * kStageBytes);
    request_rows<C::BN, C::threads>(stage + C::BM * kStageBytes, p.b, first_column, p.N, p.row_bytes, round * kStageBytes);
  };
  for (u32 s = 0; s < kStages - 1; ++s) {
    if (s < rounds) request(s, s);
    commit_copies();
  }
  u32 slot = 0;
  for (u32 round = 0; round < rounds; ++round) {
    wait_copies<kStages - 2>();
    __syncthreads();
    if (round + kStages - 1 < rounds) request(round + kStages - 1, slot == 0 ? kStages - 1 : slot - 1);
    commit_copies();
    const unsigned char* stage = shared + slot * C::stage_bytes;
    multiply_stage<C>(stage, stage + C::BM * kStageBytes, row, column, sums);
    slot = slot + 1 == kStages ? 0 : slot + 1;
  }
  wait_copies<0>();
  __syncthreads();
  float* tile = reinterpret_cast<float*>(shared);
  const u32 g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
#pragma unroll
  for (int m = 0; m < C::MT; ++m) {
#pragma unroll
    for (int n = 0; n < C::NT; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const u32 at = (row + 16 * m + g + i / 2 * 8) * C::pitch + column + 8 * n + 2 * c + i % 2;
        tile[at] = static_cast<float>(sums[m][n][i]);
      }
    }
  }
  __syncthreads();
  write_tile<C>(p, tile, first_row, first_column);
}

template <class C>
void launch_tiles(const TensorProduct& p) {
  const u32 blocks = (p.T + C::BM - 1) / C::BM * ((p.N + C::BN - 1) / C::BN);
  simt::launch("tensor product", tensor_tiles<C>, blocks, C::threads, C::shared_bytes, p);
}

// Large tiles read less; small ones keep every multiprocessor busy where there are few.
template <class Type>
void launch_type(const TensorProduct& p) {
  const size_t large = size_t{(p.T + 127) / 128} * ((p.N + 127) / 128);
  if (p.T > 64 && large >= multiprocessors()) launch_tiles<TensorConfig<Type, 128, 128, 2, 4>>(p);
  else launch_tiles<TensorConfig<Type, 64, 64, 2, 2>>(p);
}

}  // namespace

void tensor_product(Element type, const TensorProduct& p) {
  if (p.T == 0 || p.N == 0) return;
  if (p.T >= thresholds.wgmma_product_tokens && wgmma_product(type, p)) return;
  if (p.T >= thresholds.library_tokens && library_product(type, p)) return;
  if (p.T >= thresholds.wgmma_alone_tokens && wgmma_product(type, p)) return;
  if (type == Element::F16) launch_type<TypeF16>(p);
  else if (type == Element::BF16) launch_type<TypeBf16>(p);
  else launch_type<TypeS8>(p);
}

}  // namespace salient::cuda
