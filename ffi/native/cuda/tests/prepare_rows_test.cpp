// Rows brought to a type and an order, against what the header says, value by value.
#include "emulated_check.h"

#include "../kernels/prepare_rows.h"

namespace {

void test(Element type, Element out_type, bool scaled, uint32_t T, const Spread& s, bool shifted = false) {
  std::vector<float> raw = normal(size_t{T} * s.K);
  for (size_t t = 0; t < T; ++t) {
    const float size = type == Element::F32 && scaled ? std::ldexp(1.0f, static_cast<int>(t % 7) * 35 - 120) : 1.0f;
    for (size_t k = 0; k < s.K; ++k) raw[t * s.K + k] *= size;
  }
  if (T > 2) raw[2 * s.K + s.K / 2] = INFINITY;
  if (T > 3) std::fill_n(raw.begin() + 3 * s.K, s.K, 0.0f);
  const Typed x = typed(type, raw);
  std::vector<unsigned char> bytes(shifted ? 4 : 0);
  bytes.insert(bytes.end(), x.bytes.begin(), x.bytes.end());
  const Device<unsigned char> rows(bytes);
  const Device<uint16_t> out(size_t{T} * s.width);
  const Device<float> scales(T);
  prepare_rows(rows.get() + (shifted ? 4 : 0), type, out.get(), out_type, scaled ? scales.get() : nullptr, T, s);
  const auto halves = out.read();
  const auto factors = scales.read();
  size_t wrong = 0;
  for (size_t t = 0; t < T; ++t) {
    float largest = 0;
    bool finite = true;
    for (size_t k = 0; k < s.K; ++k) {
      const float value = x.values[t * s.K + k];
      finite = finite && std::isfinite(value);
      largest = std::max(largest, std::fabs(value));
    }
    float factor = 1;
    if (scaled && finite && largest > 0) factor = std::ldexp(1.0f, 14 - std::max(std::ilogb(largest), -100));
    if (scaled && factors[t] != 1.0f / factor) ++wrong;
    std::vector<float> want(s.width);
    for (uint32_t k = 0; k < s.K; ++k) want[k / s.group * s.padded_group + k % s.group] = x.values[t * s.K + k] * factor;
    for (uint32_t i = 0; i < s.width; ++i) {
      const uint16_t got = halves[t * s.width + (s.interleaved ? interleaved_place(i) : i)];
      if (got != (out_type == Element::F16 ? f16_of(want[i]) : bf16_of(want[i]))) ++wrong;
    }
  }
  check(wrong == 0, std::string(name_of(type)) + " to " + name_of(out_type) + ", " + std::to_string(T) + " x " + std::to_string(s.K) +
                        " in " + std::to_string(s.width) + (s.interleaved ? " interleaved" : "") + ": " + std::to_string(wrong) + " wrong");
}

}  // namespace

int main() {
  const Spread spreads[] = {{64, 64, 64, 64},     {100, 100, 128, 128}, {300, 100, 128, 384}, {7, 7, 8, 8},
                            {4096, 128, 128, 4096}, {11008, 11008, 11008, 11008}, {36868, 36868, 36868, 36896}, {12, 12, 12, 12}};
  for (Spread s : spreads) {
    for (const uint32_t T : {1u, 5u, 41u}) {
      if (size_t{T} * s.K > 300'000) continue;
      emulated_multiprocessors = 40;
      for (const Element type : {Element::F32, Element::F16, Element::BF16}) {
        test(type, Element::F16, type != Element::F16, T, s);
        test(type, Element::BF16, false, T, s);
        if (s.width % 32 == 0) {
          Spread other = s;
          other.interleaved = true;
          test(type, Element::F16, type != Element::F16, T, other);
        }
      }
    }
  }
  // Memory that begins where four of them cannot be loaded at once.
  test(Element::F32, Element::F16, true, 3, {64, 64, 64, 64}, true);
  test(Element::F16, Element::F16, false, 3, {64, 64, 64, 64}, true);
  test(Element::F64, Element::F16, true, 5, {64, 64, 64, 64});
  return finish("prepare_rows_test");
}
