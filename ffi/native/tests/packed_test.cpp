// Packed weights and 4-bit words at every level, with 1 and 2 threads, against plain.h.
//
// From ffi/native, with the objects of cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/packed_test.cpp build/*.o -o build/packed_test
#include "check.h"

namespace {

// Error that sums of products may have, relative to their magnitudes: where x becomes two digits, see
// loops_packed_digits.h, more than that of fp32 sums.
double tolerance(size_t group) {
  const bool digits = place == "avx512bf16" || place == "neondot" || place == "neonbf16";
  return digits && group <= 128 ? 6e-5 : 5e-6;
}

// An input a thousand times larger than the others in every group, which takes the digits for itself.
void test_towering_inputs() {
  const size_t N = 64, K = 1024, group = 128, T = 9;
  const Grid grid{4, group, false, DType::F16, false};
  const Stored w = stored(DType::F32, N * K);
  std::vector<uint8_t> codes(N * K), zeros(N * K / group);
  std::vector<float> scales(N * K / group), q(N * K), x = normal(T * K), y(T * N);
  for (size_t i = 0; i < x.size(); i += group) x[i + i / group * 37 % group] *= 1000;
  quantize(w.bytes.data(), w.type, grid, nullptr, codes.data(), scales.data(), zeros.data(), N, K);
  dequantize(codes.data(), scales.data(), zeros.data(), grid, q.data(), N, K);
  Packed* packed = pack(codes.data(), scales.data(), zeros.data(), grid, N, K);
  packed_linear(packed, x.data(), nullptr, y.data(), T);
  free_packed(packed);
  double error = 0, size = 0;
  for (size_t t = 0; t < T; ++t) {
    for (size_t n = 0; n < N; ++n) {
      double sum = 0;
      for (size_t k = 0; k < K; ++k) sum += static_cast<double>(x[t * K + k]) * q[n * K + k];
      error += (y[t * N + n] - sum) * (y[t * N + n] - sum);
      size += sum * sum;
    }
  }
  check(error < 4e-8 * size, "packed_linear with towering inputs: " + std::to_string(std::sqrt(error / size) * 1e6) + "e-6");
}

void test_packed() {
  const size_t shapes[][3] = {{16, 64, 32}, {1, 7, 7}, {35, 66, 33}, {130, 512, 128}, {50, 300, 100}, {300, 40, 8}, {33, 520, 520}};
  for (const auto& [N, K, group] : shapes) {
    if (left_out(93 * N * K)) continue;
    for (const uint32_t bits : {3u, 4u, 8u}) {
      const Grid grid{bits, static_cast<uint32_t>(group), false, bits == 3 ? DType::BF16 : bits == 4 ? DType::F16 : DType::F32, false};
      const Stored w = stored(DType::F32, N * K);
      std::vector<uint8_t> codes(N * K), zeros(N * K / group);
      std::vector<float> scales(N * K / group), q(N * K);
      quantize(w.bytes.data(), w.type, grid, nullptr, codes.data(), scales.data(), zeros.data(), N, K);
      dequantize(codes.data(), scales.data(), zeros.data(), grid, q.data(), N, K);
      Packed* packed = pack(codes.data(), scales.data(), zeros.data(), grid, N, K);
      check(packed_bytes(packed) > 0, "packed_bytes");
      for (const size_t T : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{8}, size_t{9}, size_t{18}, size_t{45}, size_t{0}}) {
        std::vector<float> x = normal(T * K), bias = normal(N);
        for (float& v : x) v += 0.5f;
        const auto y = both("packed_linear", [&] {
          std::vector<float> out(T * N, NAN);
          packed_linear(packed, x.data(), T % 2 ? bias.data() : nullptr, out.data(), T);
          return out;
        });
        std::vector<Exact> want(T * N);
        for (size_t t = 0; t < T; ++t) {
          for (size_t n = 0; n < N; ++n) {
            if (T % 2) want[t * N + n].add(bias[n], 1);
            for (size_t k = 0; k < K; ++k) want[t * N + n].add(x[t * K + k], q[n * K + k]);
          }
        }
        const double d = sum_error(y, want);
        check(d < tolerance(group), "packed_linear " + std::to_string(T) + " of " + std::to_string(N) + "x" + std::to_string(K) + ": " + std::to_string(d));
      }
      free_packed(packed);
    }
  }
}

void test_int4() {
  const uint8_t orders[][8] = {{0, 2, 4, 6, 1, 3, 5, 7}, {0, 1, 2, 3, 4, 5, 6, 7}};
  for (const auto& order : orders) {
    const size_t N = 24, K = 40;
    std::vector<uint8_t> codes(N * K), back(N * K);
    for (uint8_t& c : codes) c = random_bits() & 15;
    for (size_t i = 0; i < 8; ++i) codes[i * K] = static_cast<uint8_t>(i);
    for (const bool along_out : {false, true}) {
      const auto words = both("pack_int4", [&] {
        std::vector<uint32_t> out(N * K / 8);
        pack_int4(codes.data(), along_out, order, out.data(), N, K);
        return out;
      });
      unpack_int4(words.data(), along_out, order, back.data(), N, K);
      check(same(codes, back), "int4 words do not come back");
      if (along_out) check(words[0] == (order[1] == 2 ? 0x75316420u : 0x76543210u), "int4 golden word");
    }
  }
}

}  // namespace

int main() { return run_levels({test_packed, test_towering_inputs, test_int4}); }
