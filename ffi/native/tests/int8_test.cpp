// Products of rounded inputs at every level, with 1 and 2 threads, against sums of integers in plain loops.
//
// From ffi/native, with the objects of cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/int8_test.cpp build/*.o -o build/int8_test
#include "check.h"

namespace {

// Of one row: whole numbers and their scale. `fixed` 0 for the scale of the largest.
float round_row(const float* x, size_t K, uint32_t bits, float fixed, std::vector<int>& whole) {
  const float most = static_cast<float>((1 << (bits - 1)) - 1);
  float top = 0;
  for (size_t k = 0; k < K; ++k) top = std::max(top, std::fabs(x[k]));
  const float scale = fixed > 0 ? fixed : std::max(top, 1e-5f) / most;
  for (size_t k = 0; k < K; ++k) {
    whole[k] = static_cast<int>(std::clamp(std::nearbyint(x[k] / scale), -most - 1, most));
  }
  return scale;
}

struct Case {
  size_t T, K, N;
  uint32_t bits, x_bits;
  bool symmetric;
  DType scale;
  float fixed;
};

void test_case(const Case& c) {
  const size_t K = c.K, N = c.N;
  const Grid grid{c.bits, static_cast<uint32_t>(K), c.symmetric, c.scale, false};
  const std::vector<float> w = normal(N * K, 0.05f);
  std::vector<uint8_t> codes(N * K), zeros(N);
  std::vector<float> scales(N);
  quantize(w.data(), DType::F32, grid, nullptr, codes.data(), scales.data(), zeros.data(), N, K);
  // The extremes, which no rounding makes of a symmetric grid.
  for (size_t k = 0; k < K; ++k) codes[k] = k % 2 ? 0 : static_cast<uint8_t>((1 << c.bits) - 1);
  Packed* packed = pack(codes.data(), scales.data(), zeros.data(), grid, N, K);
  std::vector<float> x = normal(c.T * K), bias = normal(N);
  for (size_t k = 0; k < K && c.T > 0; ++k) x[k] = k % 2 ? -100 : 100;  // beyond what a fixed scale holds
  if (c.T > 1) std::fill(x.begin() + K, x.begin() + 2 * K, 0.0f);
  const auto y = both("packed_linear_rounded", [&] {
    std::vector<float> out(c.T * N, NAN);
    packed_linear_rounded(packed, x.data(), N % 2 ? bias.data() : nullptr, out.data(), c.T, c.x_bits, c.fixed);
    return out;
  });
  free_packed(packed);
  std::vector<float> want(c.T * N);
  std::vector<int> whole(K);
  for (size_t t = 0; t < c.T; ++t) {
    const float scale = round_row(&x[t * K], K, c.x_bits, c.fixed, whole);
    for (size_t n = 0; n < N; ++n) {
      int64_t sum = 0;
      for (size_t k = 0; k < K; ++k) sum += int64_t{whole[k]} * (codes[n * K + k] - zeros[n]);
      want[t * N + n] = static_cast<float>(sum) * (scales[n] * scale) + (N % 2 ? bias[n] : 0);
    }
  }
  check(same(y, want), "packed_linear_rounded " + std::to_string(c.T) + " of " + std::to_string(N) + "x" +
                           std::to_string(K) + ": " + std::to_string(distance(y, want)));
}

void test_products() {
  const size_t shapes[][3] = {{1, 1, 1},    {2, 7, 3},     {1, 64, 16},  {3, 33, 17},  {4, 128, 128}, {5, 130, 66},
                              {12, 256, 32}, {13, 257, 40}, {31, 66, 149}, {0, 8, 8},   {70, 300, 200}, {1540, 9, 40},
                              {150, 5001, 35}};
  for (const auto& [T, K, N] : shapes) {
    if (left_out(T * K * N)) continue;
    test_case({T, K, N, 8, 8, true, DType::F32, 0});
    test_case({T, K, N, 8, 8, false, DType::F16, 0.02f});
  }
  test_case({7, 90, 33, 6, 4, false, DType::BF16, 0});
  if (!small()) test_case({2, 65536, 17, 8, 8, false, DType::F32, 0.01f});
}

// Inputs in numbers that are none.
void test_not_finite() {
  const size_t K = 37, N = 20, T = 4;
  const Grid grid{8, K, true, DType::F32, false};
  std::vector<uint8_t> codes(N * K, 200), zeros(N, 128);
  std::vector<float> scales(N, 0.5f), x = normal(T * K), y(T * N);
  x[3] = NAN;
  x[K + 5] = INFINITY;
  Packed* packed = pack(codes.data(), scales.data(), zeros.data(), grid, N, K);
  packed_linear_rounded(packed, x.data(), nullptr, y.data(), T, 8, 0);
  check(std::isnan(y[0]) && std::isnan(y[N]) && std::isfinite(y[2 * N]), "not finite, a scale for each row");
  packed_linear_rounded(packed, x.data(), nullptr, y.data(), T, 8, 0.1f);
  check(std::isnan(y[0]) && std::isfinite(y[N]) && std::isfinite(y[2 * N]), "not finite, a fixed scale");
  free_packed(packed);
  std::vector<float> rounded(T * K);
  round_inputs(x.data(), rounded.data(), T, K, 8, 0.1f);
  check(std::isnan(rounded[0]) && std::isnan(rounded[K - 1]) && rounded[K + 5] == 127 * 0.1f, "rounded, not finite");
}

// Weights in groups, and of 4 bits: the sums are those of the rounded inputs.
void test_groups() {
  const size_t T = 9, K = 96, N = 37;
  for (const uint32_t bits : {4u, 8u}) {
    const Grid grid{bits, 32, false, DType::F16, false};
    const std::vector<float> w = normal(N * K, 0.05f), x = normal(T * K);
    std::vector<uint8_t> codes(N * K), zeros(N * 3);
    std::vector<float> scales(N * 3), rounded(T * K), one(T * N), two(T * N);
    quantize(w.data(), DType::F32, grid, nullptr, codes.data(), scales.data(), zeros.data(), N, K);
    Packed* packed = pack(codes.data(), scales.data(), zeros.data(), grid, N, K);
    round_inputs(x.data(), rounded.data(), T, K, 8, 0);
    packed_linear(packed, rounded.data(), nullptr, one.data(), T);
    packed_linear_rounded(packed, x.data(), nullptr, two.data(), T, 8, 0);
    free_packed(packed);
    check(same(one, two), "packed_linear_rounded in groups");
    std::vector<int> whole(K);
    bool equal = true;
    for (size_t t = 0; t < T; ++t) {
      const float scale = round_row(&x[t * K], K, 8, 0, whole);
      for (size_t k = 0; k < K; ++k) equal = equal && rounded[t * K + k] == static_cast<float>(whole[k]) * scale;
    }
    check(equal, "round_inputs");
  }
}

}  // namespace

int main() { return run_levels({test_products, test_not_finite, test_groups}); }
