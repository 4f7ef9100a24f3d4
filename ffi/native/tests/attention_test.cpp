// Attention at every level, and the threads themselves, against plain.h.
//
// From ffi/native, with the objects of cpu/*.cpp (each built with the flags of its level) in build/:
//   g++ -O2 -std=c++20 -ffp-contract=off -fno-math-errno tests/attention_test.cpp build/*.o -o build/attention_test
#include "check.h"

namespace {

void test_attention() {
  const AttentionShape cases[] = {
      {4, 2, 16, 2, 20, 20, 0.25f, 0, 0},    {2, 1, 24, 1, 300, 300, 0.2f, 0, 0},  {2, 2, 64, 1, 1, 77, 0.125f, 0, 76},
      {6, 2, 5, 1, 3, 33, 0.4f, 7, 30},      {2, 1, 32, 2, 290, 290, 0.18f, 50, 0}, {1, 1, 300, 1, 40, 90, 0.06f, 0, 50},
      {3, 3, 8, 1, 130, 700, 0.35f, 100, 570}, {1, 1, 1, 1, 1, 1, 1.0f, 0, 0},       {2, 1, 80, 1, 9, 600, 0.11f, 0, 591},
  };
  const float kSlopes[] = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03f, 0.01f};
  for (size_t each = 0; each < 2 * std::size(cases); ++each) {
    AttentionShape s = cases[each % std::size(cases)];
    const bool shaped = each >= std::size(cases);
    if (shaped) s.softcap = 3, s.slopes = kSlopes;
    const size_t d = s.head_dim;
    if (left_out(s.sequences * s.queries * s.heads * s.keys * d)) continue;
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
        score[j] *= s.scale;
        if (shaped) {
          score[j] = s.softcap * std::tanh(score[j] / s.softcap);
          score[j] += kSlopes[head] * (static_cast<double>(j) - static_cast<double>(position));
        }
        top = std::max(top, score[j]);
      }
      for (size_t j = 0; j < s.keys; ++j) {
        const double weight = std::exp(score[j] - top);
        total += weight;
        for (size_t c = 0; c < d; ++c) want[i * d + c] += weight * v[row(j) + c];
      }
      for (size_t c = 0; c < d; ++c) want[i * d + c] /= total;
    }
    const double error = distance(out, want);
    const std::string what = shaped ? "attention with a cap and slopes of " : "attention of ";
    check(error < 5e-6, what + std::to_string(s.queries) + ": " + std::to_string(error));
    auto broken = q;
    broken[0] = NAN;
    std::vector<float> spoiled(q.size());
    attention(broken.data(), k.data(), v.data(), spoiled.data(), s);
    check(std::isnan(spoiled[0]), "attention hides a NaN");
    check(s.queries == 1 || spoiled.back() == out.back(), "attention spreads a NaN");
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

int main() { return run_levels({test_parallel, test_attention}); }
