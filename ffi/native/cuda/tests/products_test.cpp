// Products of plain weights, of 8-bit integers, and the Gram, against sums in fp64.
#include "../products.h"
#include "emulated_check.h"

namespace {

std::string shape_text(uint32_t T, uint32_t K, uint32_t N) {
  return std::to_string(T) + " of " + std::to_string(N) + "x" + std::to_string(K);
}

void test_linear(uint32_t T, uint32_t K, uint32_t N, Element x_type, Element w_type, Element y_type, Precision precision, bool bias) {
  const std::string what = std::string("linear ") + name_of(x_type) + " " + name_of(w_type) + " " + name_of(y_type) + " precision " +
                           std::to_string(static_cast<int>(precision)) + ", " + shape_text(T, K, N);
  const Typed x = typed(x_type, normal(size_t{T} * K)), w = typed(w_type, normal(size_t{N} * K, 0.05f));
  const std::vector<float> b = normal(N);
  const Device<unsigned char> x_device(x.bytes), w_device(w.bytes), y(size_t{T} * N * (y_type == Element::F32 ? 4 : 2));
  const Device<float> bias_device(b);
  const TestWorkspace workspace(linear_workspace(x_type, w_type, precision, T, K, N));
  linear(x_device.get(), x_type, w_device.get(), w_type, bias ? bias_device.get() : nullptr, y.get(), y_type, T, K, N, precision,
         workspace.get());
  check(workspace.clean(), what + ": counters or copies left");
  std::vector<double> want(size_t{T} * N);
  const auto rounded = [&](float v) {
    return precision == Precision::Bf16 ? bf16_to_float(bf16_of(v)) : precision == Precision::Fp16 ? f16_to_float(f16_of(v)) : v;
  };
  for (size_t t = 0; t < T; ++t) {
    for (size_t n = 0; n < N; ++n) {
      double sum = bias ? b[n] : 0;
      for (size_t k = 0; k < K; ++k) sum += static_cast<double>(rounded(x.values[t * K + k])) * rounded(w.values[n * K + k]);
      want[t * N + n] = sum;
    }
  }
  const double error = mean_error(floats(y_type, y.read()), want);
  check(error < 2e-6 + rounding(y_type), what + ": error " + std::to_string(error));
}

void test_linears() {
  const Element halves[] = {Element::F16, Element::BF16, Element::F32};
  const uint32_t shapes[][3] = {{1, 64, 16}, {3, 200, 37}, {8, 33, 130}, {9, 72, 5}, {64, 64, 64}, {70, 136, 70}, {150, 264, 140}, {257, 40, 133}};
  uint32_t round = 0;
  for (const auto& [T, K, N] : shapes) {
    for (const Precision precision : {Precision::Fp32, Precision::Fp16, Precision::Bf16}) {
      emulated_multiprocessors = round % 2 == 0 ? 1 : 100;
      for (uint32_t i = 0; i < 3; ++i, ++round) {
        const Element w_type = precision == Precision::Fp32 && i == 2 && round % 2 == 0 ? Element::F64 : halves[(i + round / 3) % 3];
        test_linear(T, K, N, halves[i], w_type, halves[(round / 2) % 3], precision, round % 2 == 0);
      }
    }
  }
}

// fp16 products of rows beyond the range of fp16.
void test_large_rows() {
  const uint32_t T = 3, K = 64, N = 9;
  std::vector<float> x = normal(T * K), w = normal(N * K);
  for (uint32_t k = 0; k < K; ++k) x[k] *= 1e20f, x[K + k] *= 1e-30f;
  const Device<float> x_device(x), w_device(w), y(T * N);
  const TestWorkspace workspace(linear_workspace(Element::F32, Element::F32, Precision::Fp16, T, K, N));
  linear(x_device.get(), Element::F32, w_device.get(), Element::F32, nullptr, y.get(), Element::F32, T, K, N, Precision::Fp16, workspace.get());
  const auto got = y.read();
  for (uint32_t t = 0; t < T; ++t) {
    std::vector<double> want(N);
    for (uint32_t n = 0; n < N; ++n) {
      for (uint32_t k = 0; k < K; ++k) want[n] += static_cast<double>(x[t * K + k]) * w[n * K + k];
    }
    const std::vector<float> row(got.begin() + t * N, got.begin() + (t + 1) * N);
    check(mean_error(row, want) < 1e-3, "row of very large or small numbers, " + std::to_string(t));
  }
}

void test_int8() {
  const uint32_t shapes[][3] = {{1, 64, 16}, {5, 128, 33}, {70, 160, 70}, {130, 272, 129}, {7, 50, 9}};
  for (const auto& [T, K, N] : shapes) {
    std::vector<int8_t> x(T * K), w(N * K);
    for (auto& v : x) v = static_cast<int8_t>(random_bits());
    for (auto& v : w) v = static_cast<int8_t>(random_bits());
    std::vector<float> xs = normal(T), ws = normal(N), b = normal(N);
    const Device<int8_t> x_device(x), w_device(w);
    const Device<float> xs_device(xs), ws_device(ws), b_device(b), y(T * N);
    int8_linear(x_device.get(), xs_device.get(), w_device.get(), ws_device.get(), b_device.get(), y.get(), Element::F32, T, K, N);
    std::vector<double> want(T * N);
    for (size_t t = 0; t < T; ++t) {
      for (size_t n = 0; n < N; ++n) {
        int64_t sum = 0;
        for (size_t k = 0; k < K; ++k) sum += static_cast<int64_t>(x[t * K + k]) * w[n * K + k];
        want[t * N + n] = static_cast<double>(sum) * xs[t] * ws[n] + b[n];
      }
    }
    check(mean_error(y.read(), want) < 1e-6, "int8_linear " + shape_text(T, K, N));
  }
}

void test_gram() {
  const uint32_t shapes[][2] = {{1, 5}, {40, 128}, {33, 200}, {100, 300}};
  for (const auto& [T, K] : shapes) {
    const auto x = normal(T * K), start = normal(T * T);
    std::vector<float> before(K * K, 0.5f);
    const Device<float> x_device(x), gram(before);
    salient::gram_product(x_device.get(), K, gram.get(), T, K);
    std::vector<double> want(K * K);
    for (size_t i = 0; i < K; ++i) {
      for (size_t j = 0; j < K; ++j) {
        double sum = 0.5;
        for (size_t t = 0; t < T; ++t) sum += static_cast<double>(x[t * K + i]) * x[t * K + j];
        want[i * K + j] = sum;
      }
    }
    const auto got = gram.read();
    check(mean_error(got, want) < 1e-6, "gram of " + std::to_string(T) + "x" + std::to_string(K));
    bool symmetric = true;
    for (size_t i = 0; i < K; ++i) {
      for (size_t j = 0; j < i; ++j) symmetric = symmetric && got[i * K + j] == got[j * K + i];
    }
    check(symmetric, "gram is symmetric");
  }
}

void test_upper() {
  const uint32_t shapes[][2] = {{5, 3}, {70, 64}, {200, 33}, {300, 100}};  // of both sizes of tiles
  for (const auto& [N, K] : shapes) {
    const auto x = normal(N * K), before = normal(N * N);
    const Device<float> x_device(x), c(before);
    const salient::Side side{x_device.get(), K};
    salient::product(side, salient::Stored::Rows, side, salient::Stored::Rows, {c.get(), N, 0, true, -1, true}, N, N, K);
    const auto got = c.read();
    double error = 0;
    for (size_t i = 0; i < N; ++i) {
      for (size_t j = i; j < N; ++j) {
        double want = before[i * N + j];
        for (size_t k = 0; k < K; ++k) want -= static_cast<double>(x[i * K + k]) * x[j * K + k];
        error = std::max(error, std::fabs(got[i * N + j] - want));
      }
    }
    check(error < 1e-4, "upper part of x x^T, " + std::to_string(N) + "x" + std::to_string(K));
  }
}

}  // namespace

int main() {
  test_linears();
  test_large_rows();
  test_int8();
  test_gram();
  test_upper();
  return finish("products_test");
}
