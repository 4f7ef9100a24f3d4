// The factor of a Gram matrix that error compensation needs: H = R R^T by a Cholesky factorization that starts at the
// last column (the CPU library's factor.cpp says why that is GPTQ's).
//
// Bands of kWidth columns, the last first: their triangle is one block's, what is above it a product with the
// triangle's inverse, and what they explain of the columns before them another one. Pivots may be small differences
// of large numbers: they are kept apart, in fp64.
#include "factor.h"

#include <algorithm>
#include <cmath>

#include "../abi/rounding_order.h"
#include "memory.h"
#include "numbers.h"
#include "products.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
constexpr uint32_t kWidth = 64;

// A pivot below this part of its diagonal element is rounding noise: the matrix counts as singular.
constexpr double kNoise = 0x1p-23;

enum Flag : uint32_t { kNotFinite = 1, kNotPositive = 2 };

__global__ void take_diagonal(const float* gram, float* diagonal, size_t K) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k < K) diagonal[k] = gram[k * K + k];
}

// r = the damped Gram in the factor's order.
__global__ void gather(const float* gram, const uint32_t* order, const uint8_t* dead, double added, float* r, double* original,
                       double* pivots, size_t K, unsigned* flags) {
  const size_t at = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= K * K) return;
  const size_t i = at / K, k = at % K;
  float value = gram[order[i] * K + order[k]];
  if (k >= i && !isfinite(value)) atomicOr(flags, static_cast<unsigned>(kNotFinite));
  if (i == k) {
    value = static_cast<float>((dead[order[i]] ? 1.0 : static_cast<double>(value)) + added);
    original[i] = pivots[i] = static_cast<double>(value);
  }
  r[at] = value;
}

// The triangle of columns [first, first + n) becomes its factor; inverse [kWidth][kWidth] is that of the factor,
// transposed. One block of kWidth threads: a thread for a row of the factor, then for a column of the inverse.
__global__ void __launch_bounds__(kWidth) factor_triangle(float* r, size_t K, size_t first, uint32_t n, const double* original,
                                                          const double* pivots, float* inverse, unsigned* flags) {
  __shared__ float t[kWidth][kWidth + 1], columns[kWidth][kWidth + 1];
  __shared__ double root;
  const uint32_t i = threadIdx.x;
  for (uint32_t j = 0; j < n; j++) t[j][i] = i < n && j <= i ? r[(first + j) * K + first + i] : 0.0f;
  __syncthreads();
  for (uint32_t j = n; j-- > 0;) {
    double rest = 0;
    if (i <= j) {
      for (uint32_t k = j + 1; k < n; k++) rest += static_cast<double>(t[i][k]) * static_cast<double>(t[j][k]);
      rest = (i == j ? pivots[first + j] : static_cast<double>(t[i][j])) - rest;
    }
    if (i == j) {
      if (!(rest > original[first + j] * kNoise) || !isfinite(rest)) atomicOr(flags, static_cast<unsigned>(kNotPositive));
      root = sqrt(rest);
    }
    __syncthreads();
    if (i <= j) t[i][j] = static_cast<float>(i == j ? root : rest / root);
    __syncthreads();
  }
  if (i < n) {
    columns[i][i] = __fdiv_rn(1.0f, t[i][i]);
    for (uint32_t a = i; a-- > 0;) {
      double sum = 0;
      for (uint32_t k = a + 1; k <= i; k++) sum += static_cast<double>(t[a][k]) * static_cast<double>(columns[i][k]);
      columns[i][a] = static_cast<float>(-sum / static_cast<double>(t[a][a]));
    }
  }
  __syncthreads();
  for (uint32_t j = 0; j < n; j++) {
    if (i < n && j <= i) r[(first + j) * K + first + i] = t[j][i];
    inverse[j * kWidth + i] = i <= j ? columns[j][i] : 0.0f;
  }
}

// Puts solved rows [rows, kWidth] in place, and takes what they explain off the pivots. One warp for a row.
__global__ void take_solved(const float* solved, float* r, size_t K, size_t first, uint32_t n, double* pivots, size_t rows) {
  const size_t row = (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (row >= rows) return;
  double squares = 0;
  for (uint32_t k = threadIdx.x % 32; k < n; k += 32) {
    const float value = solved[row * kWidth + k];
    r[row * K + first + k] = value;
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  squares = warp_sum(squares);
  if (threadIdx.x % 32 == 0) pivots[row] -= squares;
}

void factorize(const Factor& f, const double* original, double* pivots, unsigned* flags) {
  const size_t K = f.K;
  float* r = f.r();
  const Temporary<float> inverse(kWidth * kWidth), solved(K * kWidth);
  for (size_t band = (K + kWidth - 1) / kWidth; band-- > 0;) {
    const size_t first = band * kWidth;
    const uint32_t n = static_cast<uint32_t>(std::min<size_t>(kWidth, K - first));
    simt::launch("factorGram, triangle", factor_triangle, 1, kWidth, 0, r, K, first, n, original, pivots, inverse.data(), flags);
    if (first == 0) return;
    product({r + first, K}, Stored::Rows, {inverse.data(), kWidth}, Stored::Columns, {solved.data(), kWidth}, first, n, n);
    simt::launch("factorGram, rows", take_solved, simt::blocks(first, kThreads / 32), kThreads, 0, solved.data(), r, K, first, n,
                 pivots, first);
    product({solved.data(), kWidth}, Stored::Rows, {solved.data(), kWidth}, Stored::Rows, {r, K, 0, true, -1, true}, first, first,
            n);
  }
}

}  // namespace

Factor* factor_gram(const float* gram, size_t K, Order kind, uint32_t group, double damping, uint32_t tries, bool* finite) {
  auto f = std::make_unique<Factor>();
  f->K = K;
  f->kind = kind;
  f->group = group;
  std::vector<float> diagonal(K);
  {
    const Temporary<float> found(K);
    simt::launch("factorGram, diagonal", take_diagonal, simt::blocks(K, kThreads), kThreads, 0, gram, found.data(), K);
    found.read(diagonal.data());
  }
  std::vector<uint8_t> dead(K);
  double sum = 0, living = 0;
  for (size_t k = 0; k < K; ++k) {
    *finite = std::isfinite(diagonal[k]);
    if (!*finite) return nullptr;
    dead[k] = diagonal[k] == 0.0f;
    if (dead[k]) continue;
    sum += static_cast<double>(diagonal[k]);
    ++living;
  }
  f->order = rounding_order(diagonal, kind, group);
  f->memory = std::make_unique<Block>(Factor::bytes(K));
  device::upload(f->device_order(), f->order.data(), K * sizeof(uint32_t));
  device::upload(f->dead(), dead.data(), K);
  const double mean = living > 0 ? sum / living : 1.0;
  Temporary<double> original(K), pivots(K);
  Temporary<unsigned> flags(1);
  for (uint32_t i = 0; i < tries; ++i) {
    f->damping = damping;
    f->added = damping * mean;
    flags.clear();
    simt::launch("factorGram, order", gather, simt::blocks(K * K, kThreads), kThreads, 0, gram, f->device_order(), f->dead(),
                 f->added, f->r(), original.data(), pivots.data(), K, flags.data());
    factorize(*f, original.data(), pivots.data(), flags.data());
    unsigned found = 0;
    flags.read(&found);
    *finite = (found & kNotFinite) == 0;
    if (!*finite) return nullptr;
    if (found == 0) return f.release();
    damping = damping > 0 ? damping * 10 : 1e-4;
  }
  return nullptr;
}

void free_factor(Factor* factor) { delete factor; }
size_t factor_bytes(const Factor* factor) { return factor->memory->bytes(); }
double factor_damping(const Factor* factor) { return factor->damping; }
size_t factor_inputs(const Factor* factor) { return factor->K; }
bool keeps_groups(const Factor* factor, uint32_t group) {
  return factor->kind == Order::Natural || (factor->kind == Order::Groups && factor->group == group);
}

}  // namespace salient
