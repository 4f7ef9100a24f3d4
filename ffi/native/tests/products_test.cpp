// Conversions, matrix products and Grams at every level, with 1 and 2 threads, against plain.h.
//
// From ffi/native, with the objects of cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/products_test.cpp build/*.o -o build/products_test
#include "check.h"

namespace {

void test_convert() {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> wide(halves.size());
  for (const DType type : {DType::F16, DType::BF16}) {
    to_f32(halves.data(), type, wide.data(), wide.size());
    size_t wrong = 0, back_wrong = 0;
    std::vector<uint16_t> back(halves.size());
    from_f32(wide.data(), back.data(), type, back.size());
    for (size_t i = 0; i < halves.size(); ++i) {
      const float expected = plain::element(halves.data(), type, i);
      if (std::isnan(expected)) {
        wrong += !std::isnan(wide[i]);
        continue;
      }
      wrong += plain::bits_of_float(wide[i]) != plain::bits_of_float(expected);
      back_wrong += back[i] != halves[i];
    }
    check(wrong == 0 && back_wrong == 0, "16-bit floats do not survive");
  }
  std::vector<float> x(70001);
  for (float& v : x) v = plain::float_of_bits(static_cast<uint32_t>(random_bits()));
  for (size_t i = 0; i < x.size(); i += 3) x[i] = normal(1, i % 2 ? 1e-6f : 1)[0];
  x[0] = 65519.996f, x[1] = 65520.0f, x[2] = 0x1p-25f, x[3] = -0.0f, x[4] = 0x1.8p-25f, x[5] = 1 + 0x1p-11f;
  for (const DType type : {DType::F16, DType::BF16}) {
    const auto got = both("from_f32", [&] {
      std::vector<uint16_t> out(x.size());
      from_f32(x.data(), out.data(), type, x.size());
      return out;
    });
    size_t wrong = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const uint16_t want = type == DType::F16 ? plain::float_to_half(x[i]) : plain::float_to_bf16(x[i]);
      wrong += std::isnan(x[i]) ? !std::isnan(plain::element(&got[i], type, 0)) : got[i] != want;
    }
    check(wrong == 0, "from_f32 rounds otherwise " + std::to_string(wrong) + " times");
  }
  std::vector<uint8_t> bytes(256);
  for (size_t i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
  std::vector<float> out(256);
  to_f32(bytes.data(), DType::F8_E4M3, out.data(), 256);
  size_t wrong = 0;
  for (size_t i = 0; i < 256; ++i) {
    const float want = plain::e4m3_to_float(bytes[i]);
    wrong += std::isnan(want) ? !std::isnan(out[i]) : out[i] != want;
  }
  check(wrong == 0, "e4m3");
}

void test_linear() {
  const size_t shapes[][3] = {{1, 64, 48}, {1, 37, 1}, {2, 129, 33}, {3, 300, 7},   {5, 16, 70},   {8, 513, 35}, {9, 33, 31},
                              {0, 8, 8},   {13, 1, 5}, {31, 50, 19}, {34, 259, 64}, {50, 515, 130}, {401, 70, 300}, {7, 20, 2100}, {1540, 9, 40}};
  for (const auto& [T, K, N] : shapes) {
    if (left_out(4 * T * K * N)) continue;
    for (const DType type : kFloats) {
      const Stored w = stored(type, N * K);
      const std::vector<float> x = normal(T * K), bias = normal(N);
      for (const bool bf16 : {false, true}) {
        std::vector<float> left = x, right = w.values;
        for (float& v : left) v = bf16 ? plain::round_bf16(v) : v;
        for (float& v : right) v = bf16 ? plain::round_bf16(v) : v;
        for (const bool biased : {false, true}) {
          const auto y = both("linear", [&] {
            std::vector<float> out(T * N, NAN);
            linear(x.data(), w.bytes.data(), type, biased ? bias.data() : nullptr, out.data(), T, K, N, bf16);
            return out;
          });
          std::vector<Exact> want(T * N);
          for (size_t t = 0; t < T; ++t) {
            for (size_t n = 0; n < N; ++n) {
              if (biased) want[t * N + n].add(bias[n], 1);
              for (size_t k = 0; k < K; ++k) want[t * N + n].add(left[t * K + k], right[n * K + k]);
            }
          }
          const double d = sum_error(y, want);
          check(d < 2e-6, "linear " + std::to_string(T) + "x" + std::to_string(K) + "x" + std::to_string(N) + " type " +
                              std::to_string(static_cast<int>(type)) + " bf16 " + std::to_string(bf16) + ": " + std::to_string(d));
        }
      }
    }
  }
}

void test_gram() {
  const size_t shapes[][2] = {{1, 1}, {3, 17}, {300, 33}, {20, 245}, {513, 70}, {40, 500}, {0, 8}};
  for (const auto& [T, K] : shapes) {
    if (left_out(T * K * K)) continue;
    const std::vector<float> x = normal(T * K), y = normal(2 * K), before = gram_of(y, 2, K);
    const auto gram = both("gram", [&] {
      std::vector<float> out = before;
      accumulate_gram(x.data(), out.data(), T, K);
      return out;
    });
    std::vector<float> want = gram_of(x, T, K);
    for (size_t i = 0; i < want.size(); ++i) want[i] += before[i];
    check(distance(gram, want) < 2e-6, "gram " + std::to_string(T) + "x" + std::to_string(K));
    size_t crooked = 0;
    for (size_t i = 0; i < K; ++i) {
      for (size_t j = 0; j < K; ++j) crooked += gram[i * K + j] != gram[j * K + i];
    }
    check(crooked == 0, "gram is not symmetric");
  }
}

}  // namespace

int main() { return run_levels({test_convert, test_linear, test_gram}); }
