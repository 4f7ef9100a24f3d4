// Every kernel, at every level of the processor, with 1 and 2 threads, against plain.h.
//
// From ffi/native, with the objects of cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/kernels_test.cpp build/*.o -o build/kernels_test
//   build/kernels_test
#include <algorithm>
#include <cstdio>
#include <random>
#include <string>

#include "plain.h"

using namespace salient;

namespace {

int passed = 0, failed = 0;
std::string place;

void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s: %s\n", place.c_str(), what.c_str());
}

std::mt19937 random_bits(7);

std::vector<float> normal(size_t n, float size = 1) {
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
double sum_error(const std::vector<float>& a, const std::vector<Exact>& b) {
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

Stored stored(DType type, size_t n, float size = 0.05f) {
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
                              {0, 8, 8},   {13, 1, 5}, {14, 259, 64}, {50, 515, 130}, {401, 70, 300}, {7, 20, 2100}};
  for (const auto& [T, K, N] : shapes) {
    for (const DType type : kFloats) {
      const Stored w = stored(type, N * K);
      const std::vector<float> x = normal(T * K), bias = normal(N);
      for (const bool bf16 : {false, true}) {
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
              for (size_t k = 0; k < K; ++k) {
                const float a = x[t * K + k], b = w.values[n * K + k];
                want[t * N + n].add(bf16 ? plain::round_bf16(a) : a, bf16 ? plain::round_bf16(b) : b);
              }
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

std::vector<float> gram_of(const std::vector<float>& x, size_t T, size_t K) {
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

void test_gram() {
  const size_t shapes[][2] = {{1, 1}, {3, 17}, {300, 33}, {20, 245}, {513, 70}, {40, 500}, {0, 8}};
  for (const auto& [T, K] : shapes) {
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

std::vector<float> correlated(size_t T, size_t K) {
  std::vector<float> x = normal(T * K);
  for (size_t t = 0; t < T; ++t) {
    for (size_t k = 0; k < K; ++k) x[t * K + k] = x[t * K + k] * (k % 13 == 5 ? 8.0f : 1.0f) + 0.5f * x[t * K];
  }
  return x;
}

void test_losses() {
  const size_t shapes[][4] = {{5, 64, 32, 3}, {3, 66, 33, 2}, {70, 300, 100, 4}, {2, 520, 520, 1}, {1, 7, 7, 5}, {9, 515, 103, 20}};
  for (const auto& [N, K, group, C] : shapes) {
    const Grid grid{4, static_cast<uint32_t>(group), false, DType::F16, false};
    const size_t T = 300;
    const std::vector<float> x = correlated(T, K), gram = gram_of(x, T, K);
    const Stored w = stored(N % 2 ? DType::BF16 : DType::F32, N * K);
    std::vector<float> candidates(C * K);
    for (size_t i = 0; i < C * K; ++i) candidates[i] = 0.5f + static_cast<float>(random_bits() % 1000) / 500.0f;
    for (const bool tokens : {false, true}) {
      const Moment moment{tokens, tokens ? x.data() : gram.data(), T, tokens ? 1.75 : 1.0};
      const std::string what = std::string(tokens ? "tokens " : "gram ") + std::to_string(N) + "x" + std::to_string(K);
      const auto losses = both("scale_losses", [&] {
        std::vector<double> out(C);
        scale_losses(w.bytes.data(), w.type, moment, grid, candidates.data(), C, out.data(), N, K);
        return out;
      });
      std::vector<float> d(K);
      for (size_t c = 0; c < C; ++c) {
        double want = 0;
        for (size_t n = 0; n < N; ++n) {
          plain::fake_row(&w.values[n * K], grid, &candidates[c * K], d.data(), K);
          for (size_t k = 0; k < K; ++k) d[k] = w.values[n * K + k] - d[k];
          want += plain::energy(d.data(), moment, 0, K, K);
        }
        check(std::fabs(losses[c] / want - 1) < 1e-5, "scale_losses " + what + ": " + std::to_string(losses[c] / want - 1));
      }
      std::vector<uint8_t> codes(N * K), zeros(N * K / group);
      std::vector<float> scales(N * K / group), q(N * K);
      quantize(w.bytes.data(), w.type, grid, nullptr, codes.data(), scales.data(), zeros.data(), N, K);
      dequantize(codes.data(), scales.data(), zeros.data(), grid, q.data(), N, K);
      double loss = 0, energy = 0;
      for (size_t n = 0; n < N; ++n) {
        for (size_t k = 0; k < K; ++k) d[k] = w.values[n * K + k] - q[n * K + k];
        loss += plain::energy(d.data(), moment, 0, K, K);
        energy += plain::energy(&w.values[n * K], moment, 0, K, K);
      }
      const auto two = both("quantization_loss", [&] {
        return std::vector<double>{quantization_loss(w.bytes.data(), w.type, moment, grid, codes.data(), scales.data(), zeros.data(), N, K),
                                   output_energy(w.bytes.data(), w.type, moment, N, K)};
      });
      check(std::fabs(two[0] / loss - 1) < 1e-5, "quantization_loss " + what);
      check(std::fabs(two[1] / energy - 1) < 1e-5, "output_energy " + what);
      candidates[(C - 1) * K] = NAN;
      double bad[32];
      scale_losses(w.bytes.data(), w.type, moment, grid, candidates.data(), C, bad, N, K);
      check(bad[C - 1] == INFINITY && (C == 1 || bad[0] == losses[0]), "a NaN scale gives an infinite loss");
      candidates[(C - 1) * K] = 1;
    }
    const auto magnitude = both("relative_magnitude", [&] {
      std::vector<float> out(K);
      relative_magnitude(w.bytes.data(), w.type, grid.group, out.data(), N, K);
      return out;
    });
    std::vector<double> want(K);
    for (size_t i = 0; i < N * K; i += group) {
      float top = 0;
      for (size_t k = 0; k < group; ++k) top = std::max(top, std::fabs(w.values[i + k]));
      for (size_t k = 0; k < group; ++k) want[(i + k) % K] += std::fabs(w.values[i + k]) / (top + 1e-6f) / static_cast<double>(N);
    }
    check(distance(magnitude, want) < 1e-6, "relative_magnitude");
  }
}

void test_clip() {
  const size_t shapes[][3] = {{5, 64, 32}, {3, 66, 33}, {30, 300, 100}, {2, 520, 520}, {1, 8, 8}};
  for (const auto& [N, K, group] : shapes) {
    const size_t T = 200, G = K / group;
    const std::vector<float> x = correlated(T, K), gram = gram_of(x, T, K);
    const Stored w = stored(DType::F32, N * K);
    for (const uint32_t bits : {3u, 4u}) {
      const Grid grid{bits, static_cast<uint32_t>(group), bits == 3, DType::F16, false};
      for (const bool tokens : {false, true}) {
        const Moment moment{tokens, tokens ? x.data() : gram.data(), T, 2.0};
        uint64_t clipped = 0;
        const auto bounds = both("clip_search", [&] {
          std::vector<float> out(N * G);
          clipped = clip_search(w.bytes.data(), w.type, moment, grid, 10, 0.5f, out.data(), N, K);
          return out;
        });
        uint64_t below = 0;
        std::vector<float> d(group);
        std::vector<uint8_t> codes(group);
        for (size_t i = 0; i < N * G; ++i) {
          const float* v = &w.values[i * group];
          const auto error = [&](float bound) {
            float scale;
            uint8_t zero;
            plain::quantize_group(v, grid, bound, codes.data(), &scale, &zero, group);
            for (size_t k = 0; k < group; ++k) d[k] = v[k] - static_cast<float>(codes[k] - zero) * scale;
            return plain::energy(d.data(), moment, i % G * group, group, K);
          };
          float amax = 0;
          for (size_t k = 0; k < group; ++k) amax = std::max(amax, std::fabs(v[k]));
          double best = INFINITY;
          for (int step = 0; step < 10; ++step) best = std::min(best, error(amax * static_cast<float>(1 - step * 0.05)));
          check(error(bounds[i]) <= best * (1 + 1e-5), "clip_search: not the best bound");
          below += bounds[i] < amax;
        }
        check(below == clipped, "clip_search: count");
      }
    }
  }
}

void test_refine() {
  const size_t K = 96, counts[] = {20, 9};
  const std::vector<float> x = correlated(200, K), gram = gram_of(x, 200, K);
  const Stored a = stored(DType::F32, counts[0] * K), b = stored(DType::BF16, counts[1] * K);
  const void* w[] = {a.bytes.data(), b.bytes.data()};
  const DType types[] = {a.type, b.type};
  const float factors[] = {0.8f, 0.9f, 1.0f, 1.1f, 1.25f};
  for (const uint32_t group : {32u, 96u, 12u}) {
    for (const bool shared : {false, true}) {
      const Grid grid{3, group, false, DType::F16, false};
      std::vector<uint32_t> channel(K);
      for (uint32_t k = 0; k < K; ++k) channel[k] = shared ? k % 32 : k;
      const std::vector<float> start(K, 1.0f);
      const auto loss = [&](const std::vector<float>& s) {
        double total = 0;
        std::vector<float> d(K);
        for (int i = 0; i < 2; ++i) {
          const Stored& v = i ? b : a;
          for (size_t n = 0; n < counts[i]; ++n) {
            plain::fake_row(&v.values[n * K], grid, s.data(), d.data(), K);
            for (size_t k = 0; k < K; ++k) d[k] = v.values[n * K + k] - d[k];
            total += plain::energy(d.data(), Moment{false, gram.data(), 0, 1}, 0, K, K);
          }
        }
        return total;
      };
      double losses[2];
      const auto s = both("refine_scales", [&] {
        std::vector<float> out = start;
        refine_scales(w, types, counts, 2, gram.data(), grid, factors, 5, channel.data(), out.data(), losses, K);
        return out;
      });
      // The plain descent, which measures every trial in full, must end about as low.
      std::vector<float> descent = start;
      double best = loss(start);
      for (uint32_t c = 0; c < (shared ? 32u : K); ++c) {
        const std::vector<float> before = descent;
        for (const float f : factors) {
          std::vector<float> trial = before;
          for (uint32_t k = 0; k < K; ++k) trial[k] *= channel[k] == c ? f : 1.0f;
          const double l = loss(trial);
          if (l < best) best = l, descent = trial;
        }
      }
      check(std::fabs(losses[0] / loss(start) - 1) < 1e-5 && std::fabs(losses[1] / loss(s) - 1) < 1e-5, "refine_scales: losses");
      check(losses[1] < 0.97 * losses[0], "refine_scales: no gain");
      check(std::fabs(losses[1] / best - 1) < 0.01, "refine_scales: " + std::to_string(losses[1] / losses[0]) + " of the first loss, plainly " + std::to_string(best / losses[0]));
      for (uint32_t k = 0; k < K; ++k) {
        if (shared && s[k] != s[k % 32]) check(false, "refine_scales: inputs of a channel parted");
      }
    }
  }
}

void test_packed() {
  const size_t shapes[][3] = {{16, 64, 32}, {1, 7, 7}, {35, 66, 33}, {130, 512, 128}, {50, 300, 100}, {300, 40, 8}, {33, 520, 520}};
  for (const auto& [N, K, group] : shapes) {
    for (const uint32_t bits : {3u, 4u, 8u}) {
      const Grid grid{bits, static_cast<uint32_t>(group), false, bits == 3 ? DType::BF16 : bits == 4 ? DType::F16 : DType::F32, false};
      const Stored w = stored(DType::F32, N * K);
      std::vector<uint8_t> codes(N * K), zeros(N * K / group);
      std::vector<float> scales(N * K / group), q(N * K);
      quantize(w.bytes.data(), w.type, grid, nullptr, codes.data(), scales.data(), zeros.data(), N, K);
      dequantize(codes.data(), scales.data(), zeros.data(), grid, q.data(), N, K);
      Packed* packed = pack(codes.data(), scales.data(), zeros.data(), grid, N, K);
      check(packed_bytes(packed) > 0, "packed_bytes");
      for (const size_t T : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{8}, size_t{9}, size_t{45}, size_t{0}}) {
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
        check(d < 5e-6, "packed_linear " + std::to_string(T) + " of " + std::to_string(N) + "x" + std::to_string(K) + ": " + std::to_string(d));
      }
      free_packed(packed);
    }
  }
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

void test_attention() {
  const AttentionShape cases[] = {
      {4, 2, 16, 2, 20, 20, 0.25f, 0, 0},    {2, 1, 24, 1, 300, 300, 0.2f, 0, 0},  {2, 2, 64, 1, 1, 77, 0.125f, 0, 76},
      {6, 2, 5, 1, 3, 33, 0.4f, 7, 30},      {2, 1, 32, 2, 290, 290, 0.18f, 50, 0}, {1, 1, 300, 1, 40, 90, 0.06f, 0, 50},
      {3, 3, 8, 1, 130, 700, 0.35f, 100, 570}, {1, 1, 1, 1, 1, 1, 1.0f, 0, 0},       {2, 1, 80, 1, 9, 600, 0.11f, 0, 591},
  };
  for (const AttentionShape& s : cases) {
    const size_t d = s.head_dim;
    const auto q = normal(s.sequences * s.queries * s.heads * d, 3), k = normal(s.sequences * s.keys * s.kv_heads * d, 3),
               v = normal(s.sequences * s.keys * s.kv_heads * d);
    const auto out = both("attention", [&] {
      std::vector<float> o(q.size(), NAN);
      attention(q.data(), k.data(), v.data(), o.data(), s);
      return o;
    });
    std::vector<double> want(q.size());
    for (size_t i = 0; i < s.sequences * s.queries * s.heads; ++i) {
      const size_t head = i % s.heads, query = i / s.heads % s.queries, sequence = i / s.heads / s.queries;
      const size_t kv = head / (s.heads / s.kv_heads), position = s.query_start + query;
      const auto row = [&](size_t j) { return ((sequence * s.keys + j) * s.kv_heads + kv) * d; };
      std::vector<double> score(s.keys, -INFINITY);
      double top = -INFINITY, total = 0;
      for (size_t j = 0; j < s.keys && j <= position; ++j) {
        if (s.window > 0 && position - j >= s.window) continue;
        score[j] = 0;
        for (size_t c = 0; c < d; ++c) score[j] += static_cast<double>(q[i * d + c]) * k[row(j) + c];
        top = std::max(top, score[j] *= s.scale);
      }
      for (size_t j = 0; j < s.keys; ++j) {
        const double weight = std::exp(score[j] - top);
        total += weight;
        for (size_t c = 0; c < d; ++c) want[i * d + c] += weight * v[row(j) + c];
      }
      for (size_t c = 0; c < d; ++c) want[i * d + c] /= total;
    }
    const double error = distance(out, want);
    check(error < 5e-6, "attention of " + std::to_string(s.queries) + ": " + std::to_string(error));
  }
}

void test_parallel() {
  set_threads(3);
  std::vector<int> seen(1000);
  parallel_for(1000, 7, [&](size_t begin, size_t end) {
    check(begin % 7 == 0 && (end - begin == 7 || end == 1000), "pieces");
    parallel_for(end - begin, 2, [&](size_t b, size_t e) {
      for (size_t i = b; i < e; ++i) ++seen[begin + i];
    });
  });
  check(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }), "each index once");
  bool thrown = false;
  try {
    parallel_for(64, 1, [](size_t begin, size_t) {
      if (begin == 40) throw std::bad_alloc();
    });
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  check(thrown, "an exception reaches the caller");
  set_threads(0);
  check(threads() >= 1, "threads");
}

}  // namespace

int main() {
  test_parallel();
  for (const Isa level : {Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16}) {
    if (!force_isa(level)) continue;
    place = isa_name(level);
    const int before = failed;
    test_convert();
    test_linear();
    test_gram();
    test_quantize();
    test_losses();
    test_clip();
    test_refine();
    test_packed();
    test_attention();
    trim_scratch();
    if (failed == before) std::printf("%s: good\n", place.c_str());
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
