// The factor of a Gram and error compensation at every level, with 1 and 2 threads, against the published algorithm.
//
// From ffi/native, with the objects of abi/*.cpp and cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/compensation_test.cpp build/*.o -o build/compensation_test
#include "check.h"

#include <memory>
#include <numeric>

namespace {

struct FreeFactor {
  void operator()(Factor* factor) const { free_factor(factor); }
};
using Owned = std::unique_ptr<Factor, FreeFactor>;

Owned factor_of(const std::vector<float>& gram, size_t K, Order order, uint32_t group, double damping, uint32_t tries) {
  bool finite = false;
  Owned factor(factor_gram(gram.data(), K, order, group, damping, tries, &finite));
  check(finite, "factor_gram: finite");
  return factor;
}

// Upper U with U^T U = the inverse of h, by its definition: Gauss-Jordan, then Cholesky.
std::vector<double> upper_of_inverse(std::vector<double> h, size_t K) {
  std::vector<double> inverse(K * K), upper(K * K);
  for (size_t i = 0; i < K; ++i) inverse[i * K + i] = 1;
  for (size_t p = 0; p < K; ++p) {
    const double pivot = h[p * K + p];
    for (size_t j = 0; j < K; ++j) h[p * K + j] /= pivot, inverse[p * K + j] /= pivot;
    for (size_t i = 0; i < K; ++i) {
      const double factor = h[i * K + p];
      if (i == p || factor == 0) continue;
      for (size_t j = 0; j < K; ++j) {
        h[i * K + j] -= factor * h[p * K + j];
        inverse[i * K + j] -= factor * inverse[p * K + j];
      }
    }
  }
  for (size_t i = 0; i < K; ++i) {
    for (size_t j = i; j < K; ++j) {
      double sum = inverse[i * K + j];
      for (size_t k = 0; k < i; ++k) sum -= upper[k * K + i] * upper[k * K + j];
      upper[i * K + j] = i == j ? std::sqrt(sum) : sum / upper[i * K + i];
    }
  }
  return upper;
}

// One row by the published algorithm; the order of the columns is given.
void plain_row(std::vector<double> w, const std::vector<uint32_t>& order, const std::vector<double>& upper,
               const Grid& grid, bool dynamic, uint8_t* codes) {
  const size_t K = w.size(), g = grid.group;
  std::vector<float> scales(K / g), group(g);
  std::vector<uint8_t> zeros(K / g), unused(g);
  const std::vector<double> original = w;
  for (size_t p = 0; p < K; ++p) w[p] = original[order[p]];
  const auto fit = [&](size_t i) {
    plain::quantize_group(group.data(), grid, INFINITY, unused.data(), &scales[i], &zeros[i], g);
  };
  for (size_t i = 0; i < K / g && !dynamic; ++i) {
    for (size_t k = 0; k < g; ++k) group[k] = static_cast<float>(original[i * g + k]);
    fit(i);
  }
  for (size_t p = 0; p < K; ++p) {
    const size_t i = order[p] / g;
    if (dynamic && p % g == 0) {
      for (size_t k = 0; k < g; ++k) group[k] = static_cast<float>(w[p + k]);
      fit(i);
    }
    const float top = static_cast<float>((1 << grid.bits) - 1);
    const float q = std::nearbyint(static_cast<float>(w[p]) / scales[i]) + static_cast<float>(zeros[i]);
    codes[order[p]] = static_cast<uint8_t>(std::min(std::max(q, 0.0f), top));
    const double error = (w[p] - (codes[order[p]] - zeros[i]) * static_cast<double>(scales[i])) / upper[p * K + p];
    for (size_t j = p; j < K; ++j) w[j] -= error * upper[p * K + j];
  }
}

void test_compensate() {
  size_t different = 0, total = 0;
  const size_t shapes[][3] = {{3, 64, 32}, {1, 7, 7}, {70, 96, 32}, {9, 130, 13}, {50, 300, 100}, {6, 520, 8}};
  for (const auto& [N, K, group] : shapes) {
    if (left_out(K * K * K * 2)) continue;
    const size_t T = 2 * K + 9;
    std::vector<float> x = normal(T * K);
    for (size_t i = 0; i < T * K; ++i) x[i] = x[i] * (i % K % 13 == 5 ? 8.0f : 1.0f) + 0.5f * x[i / K * K];
    const size_t dead = K > 90 ? 77 : K;  // an input that is always 0
    for (size_t t = 0; t < T && dead < K; ++t) x[t * K + dead] = 0;
    const std::vector<float> gram = gram_of(x, T, K);
    const Stored w = stored(N % 2 ? DType::F32 : DType::BF16, N * K);
    for (const Order order : {Order::Natural, Order::Activation, Order::Groups}) {
      for (const bool dynamic : {false, true}) {
        if (dynamic && (order == Order::Activation || 256 % group != 0)) continue;
        const Grid grid{3, static_cast<uint32_t>(group), N == 70, DType::F16, false};
        const Owned factor = factor_of(gram, K, order, grid.group, 0.01, 1);
        if (!factor) {
          check(false, "factor_gram: positive definite");
          continue;
        }
        double loss = 0;
        std::vector<float> scales(N * K / group);
        std::vector<uint8_t> zeros(N * K / group);
        const auto codes = both("compensate", [&] {
          std::vector<uint8_t> out(N * K);
          loss = compensate(w.bytes.data(), w.type, *factor, grid, dynamic, nullptr, nullptr, out.data(), scales.data(),
                            zeros.data(), N);
          return out;
        });

        std::vector<uint32_t> columns(K);
        std::iota(columns.begin(), columns.end(), 0u);
        const auto size = [&](uint32_t k) { return gram[k * K + k]; };
        const auto sum = [&](uint32_t k) {
          double all = 0;
          for (uint32_t j = 0; j < group; ++j) all += size(static_cast<uint32_t>(k / group * group + j));
          return all;
        };
        if (order != Order::Natural) {
          std::stable_sort(columns.begin(), columns.end(), [&](uint32_t a, uint32_t b) {
            if (order == Order::Groups && a / group != b / group) return sum(a) > sum(b);
            return size(a) > size(b);
          });
        }
        double mean = 0;
        for (uint32_t k = 0; k < K; ++k) mean += size(k);
        mean /= static_cast<double>(dead < K ? K - 1 : K);
        std::vector<double> h(K * K);
        for (size_t i = 0; i < K; ++i) {
          for (size_t j = 0; j < K; ++j) h[i * K + j] = gram[columns[i] * K + columns[j]];
          h[i * K + i] = (columns[i] == dead ? 1 : h[i * K + i]) + 0.01 * mean;
        }
        const std::vector<double> upper = upper_of_inverse(h, K);
        std::vector<uint8_t> wanted(N * K);
        for (size_t n = 0; n < N; ++n) {
          std::vector<double> row(w.values.begin() + n * K, w.values.begin() + (n + 1) * K);
          if (dead < K) row[dead] = 0;
          plain_row(row, columns, upper, grid, dynamic, &wanted[n * K]);
        }
        for (size_t i = 0; i < N * K; ++i) different += codes[i] != wanted[i];
        total += N * K;

        const Moment moment{false, gram.data(), T, 1.0};
        const double measured = quantization_loss(w.bytes.data(), w.type, moment, grid, codes.data(), scales.data(),
                                                  zeros.data(), N, K);
        check(std::fabs(loss / measured - 1) < 1e-3, "compensate: loss " + std::to_string(loss / measured));
      }
    }
  }
  check(different * 1000 <= total, "compensate: " + std::to_string(different) + " of " + std::to_string(total) + " codes differ");
}

void test_refusals() {
  const std::vector<float> gram{2, 0, 0, 1};
  bool finite = true;
  std::vector<float> bad = gram;
  bad[1] = bad[2] = NAN;
  check(factor_gram(bad.data(), 2, Order::Natural, 1, 0.01, 3, &finite) == nullptr && !finite, "a NaN in the Gram");
  bad = {1, 3, 3, 1};
  check(factor_gram(bad.data(), 2, Order::Natural, 1, 0.01, 3, &finite) == nullptr && finite, "an indefinite Gram");
  const Owned damped = factor_of(bad, 2, Order::Natural, 1, 0.01, 5);
  check(damped && factor_damping(damped.get()) == 10, "damping is raised tenfold");
  const Owned factor = factor_of(gram, 2, Order::Natural, 1, 0, 1);
  const float w[] = {1, INFINITY};
  const Grid grid{4, 1, false, DType::F32, false};
  uint8_t codes[2], zeros[2];
  float scales[2];
  check(std::isnan(compensate(w, DType::F32, *factor, grid, false, nullptr, nullptr, codes, scales, zeros, 1)),
        "an infinite weight");
}

}  // namespace

int main() { return run_levels({test_compensate, test_refusals}); }
