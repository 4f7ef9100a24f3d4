// Causal attention of every kind of block, and its parts, against a softmax in fp64.
#include "emulated_check.h"

namespace {

// Slopes for ALiBi; the device's copy of them is what a shape names.
const std::vector<float> kSlopes = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03f, 0.02f, 0.01f, 0.005f};

std::vector<double> plain(const AttentionShape& s, const std::vector<float>& q, const std::vector<float>& k, const std::vector<float>& v) {
  std::vector<double> out(size_t{s.sequences} * s.queries * s.heads * s.head_dim, 0.0);
  const size_t group = s.heads / s.kv_heads;
  for (size_t b = 0; b < s.sequences; ++b) {
    for (size_t i = 0; i < s.queries; ++i) {
      for (size_t h = 0; h < s.heads; ++h) {
        const size_t position = s.query_start + i, at = ((b * s.queries + i) * s.heads + h) * s.head_dim;
        std::vector<double> weights;
        std::vector<size_t> rows;
        double total = 0;
        for (size_t j = 0; j < s.keys && j <= position; ++j) {
          if (s.window > 0 && j + s.window <= position) continue;
          const size_t row = ((b * s.keys + j) * s.kv_heads + h / group) * s.head_dim;
          double score = 0;
          for (size_t d = 0; d < s.head_dim; ++d) score += static_cast<double>(q[at + d]) * k[row + d];
          score *= s.scale;
          if (s.softcap > 0) score = s.softcap * std::tanh(score / s.softcap);
          if (s.slopes != nullptr) score += kSlopes[h] * (static_cast<double>(j) - static_cast<double>(position));
          rows.push_back(row);
          weights.push_back(std::exp(score));
          total += weights.back();
        }
        for (size_t j = 0; j < rows.size(); ++j) {
          for (size_t d = 0; d < s.head_dim; ++d) out[at + d] += weights[j] / total * v[rows[j] + d];
        }
      }
    }
  }
  return out;
}

// `off`: where keys begin, in elements after an aligned place, as those of a part of a tensor may.
void test(const AttentionShape& s, Element type, bool from_memory, size_t off = 0) {
  const std::string what = std::string(name_of(type)) + " heads " + std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + " of " +
                           std::to_string(s.head_dim) + ", " + std::to_string(s.sequences) + " x " + std::to_string(s.queries) +
                           " queries, " + std::to_string(s.keys) + " keys, window " + std::to_string(s.window) +
                           (s.softcap > 0 ? ", capped" : "") + (s.slopes != nullptr ? ", sloped" : "");
  const size_t n = size_t{s.sequences} * s.queries * s.heads * s.head_dim, m = size_t{s.sequences} * s.keys * s.kv_heads * s.head_dim;
  const Typed q = typed(type, normal(n, 2)), k = typed(type, normal(m)), v = typed(type, normal(m));
  std::vector<unsigned char> moved(off * (k.bytes.size() / k.values.size()), 0xff);
  const size_t start = moved.size();
  moved.insert(moved.end(), k.bytes.begin(), k.bytes.end());
  const Device<unsigned char> q_device(q.bytes), k_all(moved), v_device(v.bytes), out(q.bytes.size());
  const unsigned char* k_device = k_all.get() + start;
  const Device<uint32_t> length(std::vector<uint32_t>{s.keys});
  const TestWorkspace workspace(from_memory ? decode_attention_workspace(s, s.keys) : attention_workspace(s));
  if (from_memory) {
    AttentionShape without = s;
    without.keys = without.query_start = 0;
    decode_attention(q_device.get(), k_device, v_device.get(), out.get(), type, without, length.get(), s.keys, workspace.get());
  } else {
    attention(q_device.get(), k_device, v_device.get(), out.get(), type, s, workspace.get());
  }
  const double error = mean_error(floats(type, out.read()), plain(s, q.values, k.values, v.values));
  // Scores of wide heads are longer fp32 sums.
  const double sums = 2e-6 * std::max(1.0, s.head_dim / 256.0);
  check(error < sums + rounding(type), "attention " + what + ": error " + std::to_string(error));
}

}  // namespace

int main() {
  const Element types[] = {Element::F32, Element::F16, Element::BF16};
  const AttentionShape shapes[] = {
      {2, 2, 64, 1, 70, 70, 0.125f, 0, 0},    {4, 2, 32, 2, 33, 33, 0.2f, 0, 0},    {6, 2, 128, 1, 40, 90, 0.1f, 20, 50},
      {2, 1, 200, 1, 35, 35, 0.07f, 9, 0},    {8, 2, 64, 1, 1, 700, 0.125f, 0, 699}, {3, 3, 20, 2, 2, 530, 0.2f, 300, 528},
      {4, 1, 256, 1, 3, 600, 0.06f, 0, 597},  {2, 1, 30, 1, 9, 9, 0.3f, 0, 0},
      {8, 2, 128, 1, 1, 650, 0.09f, 0, 649},  {4, 4, 120, 2, 2, 300, 0.09f, 100, 298},
      {4, 1, 512, 1, 3, 600, 0.05f, 0, 597},  {6, 2, 320, 2, 9, 41, 0.06f, 20, 32},  {2, 1, 512, 1, 1, 550, 0.05f, 0, 549},
  };
  uint32_t round = 0;
  const Device<float> slopes(kSlopes);
  for (const AttentionShape& shape : shapes) {
    for (const uint32_t parts : {1u, 64u}) {
      emulated_multiprocessors = parts;
      test(shape, types[round++ % 3], false);
      AttentionShape shaped = shape;
      shaped.softcap = round % 3 == 0 ? 0.0f : 2.0f;
      if (round % 3 != 1) shaped.slopes = slopes.get();
      test(shaped, types[round % 3], shape.queries == 1 && shape.sequences == 1);
      if (shape.queries == 1 && shape.sequences == 1) test(shape, Element::F32, true);
    }
  }
  test(shapes[0], Element::F32, false, 1);
  test(shapes[2], Element::BF16, false, 5);
  return finish("attention_test");
}
