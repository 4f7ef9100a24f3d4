// Rounding to the grid at every level: the same integers as plain.h, bit by bit.
//
// From ffi/native, with the objects of cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/grid_test.cpp build/*.o -o build/grid_test
#include "check.h"

namespace {

const std::vector<Grid>& grids() {
  static const std::vector<Grid> all = [] {
    std::vector<Grid> out;
    for (const uint32_t bits : {2u, 3u, 4u, 5u, 8u}) {
      for (const bool symmetric : {false, true}) {
        for (const DType scale : {DType::F16, DType::BF16, DType::F32}) out.push_back({bits, 0, symmetric, scale, bits % 2 == 1});
      }
    }
    return out;
  }();
  return all;
}

void test_quantize() {
  const size_t shapes[][3] = {{3, 64, 64}, {5, 66, 33}, {2, 96, 8}, {4, 50, 5}, {3, 256, 128}, {1, 7, 7}, {70, 37, 37}};
  size_t turn = 0;
  for (const auto& [N, K, group] : shapes) {
    for (Grid grid : grids()) {
      grid.group = static_cast<uint32_t>(group);
      const DType type = kFloats[turn++ % 3];
      Stored w = stored(type, N * K);
      if (type == DType::F32) {  // ties, a dead group, a tiny one, a one-sided one, large values
        auto* v = reinterpret_cast<float*>(w.bytes.data());
        for (size_t i = 0; i < group; ++i) {
          v[i] = 0;
          if (N > 1) v[K + i] = static_cast<float>(i % 16) - 7.5f;
          if (N > 2) v[2 * K + i] = 5 + static_cast<float>(i) / static_cast<float>(group);
          if (N > 3) v[3 * K + i] *= 1e7f;
        }
        if (N > 1) v[K + group - 1] = 1e-7f;
        for (size_t i = 0; i < N * K; ++i) w.values[i] = v[i];
      }
      const size_t G = K / group;
      std::vector<float> bounds(N * G);
      for (size_t i = 0; i < N * G; ++i) bounds[i] = 0.02f + 0.1f * static_cast<float>(i % 7);
      for (const bool bounded : {false, true}) {
        const auto codes = both("quantize", [&] {
          std::vector<uint8_t> out(N * K + N * G * 5);
          std::vector<float> scales(N * G);
          quantize(w.bytes.data(), type, grid, bounded ? bounds.data() : nullptr, out.data(), scales.data(), out.data() + N * K, N, K);
          std::memcpy(out.data() + N * K + N * G, scales.data(), N * G * 4);
          return out;
        });
        std::vector<uint8_t> want(N * K + N * G * 5);
        std::vector<float> scales(N * G);
        for (size_t i = 0; i < N * G; ++i) {
          plain::quantize_group(&w.values[i * group], grid, bounded ? bounds[i] : INFINITY, &want[i * group], &scales[i], &want[N * K + i], group);
        }
        std::memcpy(want.data() + N * K + N * G, scales.data(), N * G * 4);
        check(same(codes, want), "quantize: other integers, bits " + std::to_string(grid.bits) + " group " + std::to_string(group));
        std::vector<float> values(N * K), plain_values(N * K);
        dequantize(codes.data(), scales.data(), codes.data() + N * K, grid, values.data(), N, K);
        for (size_t i = 0; i < N * K; ++i) plain_values[i] = static_cast<float>(codes[i] - codes[N * K + i / group]) * scales[i / group];
        check(distance(values, plain_values) == 0, "dequantize");
      }
      std::vector<float> s(K);
      for (size_t k = 0; k < K; ++k) s[k] = 0.3f + static_cast<float>(k % 11) * 0.3f;
      for (const float* factors : {static_cast<const float*>(nullptr), static_cast<const float*>(s.data())}) {
        const auto out = both("fake_quantize", [&] {
          std::vector<float> o(N * K);
          fake_quantize(w.bytes.data(), type, grid, factors, o.data(), N, K);
          return o;
        });
        std::vector<float> want(N * K);
        for (size_t n = 0; n < N; ++n) plain::fake_row(&w.values[n * K], grid, factors, &want[n * K], K);
        check(distance(out, want) == 0, "fake_quantize");
      }
    }
  }
}

}  // namespace

int main() { return run_levels({test_quantize}); }
