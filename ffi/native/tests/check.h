// What the tests of the kernels share.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "plain.h"

using namespace salient;

inline int passed = 0, failed = 0;
inline std::string place;

// Whether only small cases are wanted, as where each instruction is emulated.
inline bool small() {
  static const bool wanted = std::getenv("SALIENT_TEST_SMALL") != nullptr;
  return wanted;
}

// Whether a case of so many multiplications in the plain version is left out.
inline bool left_out(size_t multiplications) { return small() && multiplications > 5000000; }

inline void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s: %s\n", place.c_str(), what.c_str());
}

inline std::mt19937 random_bits(7);

inline std::vector<float> normal(size_t n, float size = 1) {
  std::normal_distribution<float> draw(0, size);
  std::vector<float> out(n);
  for (float& x : out) x = draw(random_bits);
  return out;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Largest difference over the largest magnitude.
template <class A, class B>
double distance(const std::vector<A>& a, const std::vector<B>& b) {
  double difference = 0, size = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    difference = std::isnan(d) ? INFINITY : std::max(difference, d);
    size = std::max(size, std::fabs(static_cast<double>(b[i])));
  }
  return difference / size;
}

// A sum of products in double, and of their magnitudes.
struct Exact {
  double sum = 0, size = 1e-30;
  void add(double x, double y) {
    sum += x * y;
    size += std::fabs(x * y);
  }
};

// Largest error of a sum, over the sum of the magnitudes of what was summed.
inline double sum_error(const std::vector<float>& a, const std::vector<Exact>& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = std::fabs(a[i] - b[i].sum) / b[i].size;
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  return worst;
}

// Runs make() with 1 and 2 threads, checks that the bits agree, returns them.
template <class Make>
auto both(const std::string& what, const Make& make) {
  set_threads(1);
  auto one = make();
  set_threads(2);
  check(same(one, make()), what + ": bits differ between 1 and 2 threads");
  return one;
}

// A weight in a type, and its values.
struct Stored {
  DType type;
  std::vector<uint8_t> bytes;
  std::vector<float> values;
};

inline Stored stored(DType type, size_t n, float size = 0.05f) {
  const std::vector<float> x = normal(n, size);
  Stored out{type, std::vector<uint8_t>(n * 8), std::vector<float>(n)};
  for (size_t i = 0; i < n; ++i) {
    auto* b = out.bytes.data();
    switch (type) {
      case DType::F64: reinterpret_cast<double*>(b)[i] = x[i]; break;
      case DType::F16: reinterpret_cast<uint16_t*>(b)[i] = plain::float_to_half(x[i]); break;
      case DType::BF16: reinterpret_cast<uint16_t*>(b)[i] = plain::float_to_bf16(x[i]); break;
      case DType::F8_E4M3: b[i] = static_cast<uint8_t>(random_bits() % 127 | (random_bits() & 128)); break;
      default: reinterpret_cast<float*>(b)[i] = x[i];
    }
    out.values[i] = plain::element(b, type, i);
  }
  return out;
}

constexpr DType kFloats[] = {DType::F32, DType::F16, DType::BF16, DType::F64, DType::F8_E4M3};

// x^T x in double.
inline std::vector<float> gram_of(const std::vector<float>& x, size_t T, size_t K) {
  std::vector<float> gram(K * K);
  for (size_t i = 0; i < K; ++i) {
    for (size_t j = 0; j < K; ++j) {
      double sum = 0;
      for (size_t t = 0; t < T; ++t) sum += static_cast<double>(x[t * K + i]) * x[t * K + j];
      gram[i * K + j] = static_cast<float>(sum);
    }
  }
  return gram;
}

// Runs the tests at every level of this processor; the status to leave with.
inline int run_levels(std::initializer_list<void (*)()> tests) {
  std::string levels;
  for (uint32_t i = 0; i < kIsas; ++i) {
    const Isa level = static_cast<Isa>(i);
    if (!force_isa(level)) continue;
    place = isa_name(level);
    levels += (levels.empty() ? "" : ", ") + place;
    for (const auto test : tests) test();
    trim_scratch();
  }
  std::printf("%d passed, %d failed (%s)\n", passed, failed, levels.c_str());
  return failed == 0 ? 0 : 1;
}
