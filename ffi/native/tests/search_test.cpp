// Losses, clipping and refinement at every level, with 1 and 2 threads, against plain.h.
//
// From ffi/native, with the objects of cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/search_test.cpp build/*.o -o build/search_test
#include "check.h"

namespace {

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
    if (left_out(T * K * K)) continue;
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
    if (left_out(T * K * K)) continue;
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

// Plain rounding of rows of w, and the squared error of the output of each row.
std::vector<double> plain_errors(const std::vector<float>& w, const Grid& grid, const Moment& moment, size_t N, size_t K) {
  std::vector<double> out(N);
  std::vector<uint8_t> codes(grid.group);
  std::vector<float> d(K);
  for (size_t n = 0; n < N; ++n) {
    for (size_t k = 0; k < K; k += grid.group) {
      float scale;
      uint8_t zero;
      plain::quantize_group(&w[n * K + k], grid, INFINITY, codes.data(), &scale, &zero, grid.group);
      for (size_t j = 0; j < grid.group; ++j) d[k + j] = w[n * K + k + j] - static_cast<float>(codes[j] - zero) * scale;
    }
    out[n] = plain::energy(d.data(), moment, 0, K, K);
  }
  return out;
}

void test_ranges() {
  const size_t shapes[][3] = {{5, 64, 32}, {3, 66, 33}, {130, 300, 100}, {2, 520, 520}, {1, 8, 8}, {100, 1060, 530}};
  for (const auto& [N, K, group] : shapes) {
    const size_t T = 200, G = K / group;
    if (left_out(T * K * K)) continue;
    const std::vector<float> x = correlated(T, K), gram = gram_of(x, T, K);
    const Stored w = stored(N % 2 ? DType::BF16 : DType::F32, N * K);
    for (const uint32_t bits : {3u, 4u}) {
      const Grid grid{bits, static_cast<uint32_t>(group), bits == 4 && N == 5, DType::F16, false};
      for (const bool tokens : {false, true}) {
        const Moment moment{tokens, tokens ? x.data() : gram.data(), T, tokens ? 2.0 : 1.0};
        std::vector<float> scales(N * G);
        std::vector<uint8_t> zeros(N * G);
        uint64_t clipped = 0;
        const auto codes = both("search_ranges", [&] {
          std::vector<uint8_t> out(N * K);
          clipped = search_ranges(w.bytes.data(), w.type, moment, grid, 10, 0.5f, 2, out.data(), scales.data(), zeros.data(), N, K);
          return out;
        });
        check(clipped <= N * G, "search_ranges: count");
        const std::vector<double> before = plain_errors(w.values, grid, moment, N, K);
        std::vector<float> d(K);
        double first = 0, last = 0;
        for (size_t n = 0; n < N; ++n) {
          for (size_t k = 0; k < K; ++k) {
            const size_t at = n * G + k / group;
            d[k] = w.values[n * K + k] - static_cast<float>(codes[n * K + k] - zeros[at]) * scales[at];
          }
          const double after = plain::energy(d.data(), moment, 0, K, K);
          check(after <= before[n] * (1 + 1e-4), "search_ranges: a row is worse");
          first += before[n];
          last += after;
        }
        check(last <= (N > 1 ? 0.95 : 1) * first, "search_ranges: no gain");  // one group may be best as it is
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
      if (small() && !(group == 32 && shared)) continue;
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

// The same at every level and number of threads, with the loss of scale_losses, and no slope along a group's common factor.
void test_gradient() {
  const size_t shapes[][3] = {{5, 64, 32}, {250, 300, 100}, {1, 7, 7}, {9, 515, 103}};
  for (const auto& [N, K, group] : shapes) {
    const size_t T = 300;
    if (left_out(T * K * K)) continue;
    const Grid grid{3, static_cast<uint32_t>(group), N == 9, DType::F32, N == 5};
    const std::vector<float> x = correlated(T, K), gram = gram_of(x, T, K);
    const Stored w = stored(N % 2 ? DType::BF16 : DType::F32, N * K);
    std::vector<float> s(K);
    for (float& value : s) value = 0.5f + static_cast<float>(random_bits() % 1000) / 500.0f;
    for (const bool tokens : {false, true}) {
      const Moment moment{tokens, tokens ? x.data() : gram.data(), T, tokens ? 1.75 : 1.0};
      double loss = 0, want = 0;
      const auto gradient = both("scale_gradient", [&] {
        std::vector<double> out(K);
        loss = scale_gradient(w.bytes.data(), w.type, moment, grid, s.data(), out.data(), N, K);
        return out;
      });
      scale_losses(w.bytes.data(), w.type, moment, grid, s.data(), 1, &want, N, K);
      check(std::fabs(loss / want - 1) < 1e-5, "scale_gradient: loss " + std::to_string(loss / want - 1));
      for (size_t k = 0; k < K; k += group) {
        double sum = 0, size = 0;
        for (size_t i = k; i < k + group; ++i) sum += gradient[i], size += std::fabs(gradient[i]);
        check(std::fabs(sum) < 1e-4 * size, "scale_gradient: a group's sum is " + std::to_string(sum / size));
      }
    }
  }
}

}  // namespace

int main() { return run_levels({test_gradient, test_losses, test_clip, test_ranges, test_refine}); }
