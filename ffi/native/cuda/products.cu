// fp32 products with tiles of 128 or, for small ones, 64 rows and columns.
#include "products.h"

#include "product_tile.h"

namespace salient {
namespace {

template <int kPer, bool kLeftAcross, bool kRightAcross>
__global__ void __launch_bounds__(kProductThreads) product_kernel(Side a, Side b, Target c, size_t M, size_t N, size_t K) {
  __shared__ __align__(16) TileMemory<kPer> memory;
  constexpr size_t kTile = 16 * kPer;
  const size_t first_row = blockIdx.x * kTile, first_column = blockIdx.y * kTile;
  if (c.upper && first_column < first_row) return;
  float sums[kPer][kPer] = {};
  multiply_tile<kPer, kLeftAcross, kRightAcross>(sums, memory, a, b, first_row, M, first_column, N, 0, K, K);
  float* target = c.data + blockIdx.z * c.batch;
#pragma unroll
  for (uint32_t i = 0; i < kPer; i++) {
    const size_t row = first_row + place_in_tile(threadIdx.x / 16, i);
    if (row >= M) continue;
#pragma unroll
    for (uint32_t j = 0; j < kPer; j++) {
      const size_t column = first_column + place_in_tile(threadIdx.x % 16, j);
      if (column >= N) continue;
      float* at = target + row * c.stride + column;
      const float value = c.factor * sums[i][j];
      *at = c.add ? *at + value : value;
    }
  }
}

// Only tiles on and below the diagonal; each also writes its mirror.
template <int kPer>
__global__ void __launch_bounds__(kProductThreads) gram_kernel(Side x, float* grams, size_t T, size_t K) {
  constexpr size_t kTile = 16 * kPer;
  const size_t first_row = blockIdx.x * kTile, first_column = blockIdx.y * kTile;
  if (first_column > first_row) return;
  __shared__ __align__(16) TileMemory<kPer> memory;
  float sums[kPer][kPer] = {};
  multiply_tile<kPer, true, true>(sums, memory, x, x, first_row, K, first_column, K, 0, T, T);
  float* gram = grams + blockIdx.z * K * K;
#pragma unroll
  for (uint32_t i = 0; i < kPer; i++) {
    const size_t row = first_row + place_in_tile(threadIdx.x / 16, i);
    if (row >= K) continue;
#pragma unroll
    for (uint32_t j = 0; j < kPer; j++) {
      const size_t column = first_column + place_in_tile(threadIdx.x % 16, j);
      if (column > row) continue;
      const float value = gram[row * K + column] + sums[i][j];
      gram[row * K + column] = value;
      gram[column * K + row] = value;
    }
  }
}

template <int kPer>
void launch_product(Side a, bool a_across, Side b, bool b_across, const Target& c, size_t M, size_t N, size_t K,
                    size_t batches) {
  constexpr size_t kTile = 16 * kPer;
  const dim3 grid(simt::blocks(M, kTile), simt::blocks(N, kTile), static_cast<unsigned>(batches));
  const auto kernel = a_across ? (b_across ? product_kernel<kPer, true, true> : product_kernel<kPer, true, false>)
                               : (b_across ? product_kernel<kPer, false, true> : product_kernel<kPer, false, false>);
  simt::launch("fp32 product", kernel, grid, kProductThreads, 0, a, b, c, M, N, K);
}

}  // namespace

void product(Side a, Stored a_stored, Side b, Stored b_stored, Target c, size_t M, size_t N, size_t K, size_t batches) {
  if (M == 0 || N == 0 || batches == 0) return;
  const bool a_across = a_stored == Stored::Columns, b_across = b_stored == Stored::Columns;
  if (M <= 64 || N <= 64) launch_product<4>(a, a_across, b, b_across, c, M, N, K, batches);
  else launch_product<8>(a, a_across, b, b_across, c, M, N, K, batches);
}

void gram_product(const float* x, size_t stride, float* gram, size_t T, size_t K, size_t columns, size_t batches) {
  if (T == 0 || K == 0 || batches == 0) return;
  const Side side{x, stride, columns};
  const unsigned z = static_cast<unsigned>(batches);
  if (K <= 64) {
    simt::launch("Gram", gram_kernel<4>, dim3(simt::blocks(K, 64), simt::blocks(K, 64), z), kProductThreads, 0, side, gram, T, K);
  } else {
    simt::launch("Gram", gram_kernel<8>, dim3(simt::blocks(K, 128), simt::blocks(K, 128), z), kProductThreads, 0, side, gram, T, K);
  }
}

}  // namespace salient
