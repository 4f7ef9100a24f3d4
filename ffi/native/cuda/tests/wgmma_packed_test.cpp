// Packed weights by wgmma, through packed_linear, against sums in fp64: groups of every kind of chunk, tails of every side,
// inputs in parts, and plain products after dequantizing once.
#include "../kernels/interleave_rows.h"
#include "../kernels/thresholds.h"
#include "../kernels/wgmma_device.h"
#include "../kernels/wgmma_packed.h"
#include "../kernels/wgmma_store.h"
#include "emulated_check.h"

namespace {

size_t left() { return emulated_hopper::left() + emulated_wgmma::left(); }

struct Weight {
  uint32_t N, K, group, bits;
  std::vector<uint8_t> codes, zeros;
  std::vector<float> scales;
  double value(size_t n, size_t k) const {
    const size_t at = n * (K / group) + k / group;
    return (static_cast<int>(codes[n * K + k]) - static_cast<int>(zeros[at])) * static_cast<double>(scales[at]);
  }
};

Weight random_weight(uint32_t N, uint32_t K, uint32_t group, uint32_t bits) {
  Weight w{N, K, group, bits, std::vector<uint8_t>(size_t{N} * K), std::vector<uint8_t>(size_t{N} * (K / group)), {}};
  for (auto* list : {&w.codes, &w.zeros}) {
    for (auto& code : *list) code = static_cast<uint8_t>(random_bits() >> (32 - bits));
  }
  for (float& scale : w.scales = normal(w.zeros.size(), 0.01f)) scale = f16_to_float(f16_of(std::fabs(scale) + 0.001f));
  return w;
}

void test_product(const Weight& w, uint32_t T, Element x_type, Element y_type, bool bias) {
  const std::string what = std::to_string(T) + " " + name_of(x_type) + " to " + name_of(y_type) + ", " + std::to_string(w.N) + "x" +
                           std::to_string(w.K) + " group " + std::to_string(w.group) + " bits " + std::to_string(w.bits);
  const PackedLayout layout = packed_layout(w.N, w.K, w.group, w.bits);
  const Device<unsigned char> packed(layout.bytes);
  {
    const Device<uint8_t> codes(w.codes), zeros(w.zeros);
    const Device<float> scales(w.scales);
    pack(layout, codes.get(), scales.get(), zeros.get(), packed.get());
  }
  std::vector<float> raw = normal(size_t{T} * w.K);
  for (size_t t = 0; t < T; ++t) {
    // Rows beyond the range of fp16 where x is fp32: each is brought into it by a power of two.
    const float size = x_type == Element::F32 && y_type != Element::F16 ? std::ldexp(1.0f, static_cast<int>(t % 5) * 12 - 20) : 1.0f;
    for (size_t k = 0; k < w.K; ++k) raw[t * w.K + k] = (raw[t * w.K + k] + 0.25f) * size;
  }
  const Typed x = typed(x_type, raw);
  const std::vector<float> b = normal(w.N);
  const Device<unsigned char> x_device(x.bytes), y_device(size_t{T} * w.N * (y_type == Element::F32 ? 4 : 2));
  const Device<float> bias_device(b);
  const TestWorkspace workspace(packed_linear_workspace(layout, x_type, T));
  packed_linear(layout, packed.get(), x_device.get(), x_type, bias ? bias_device.get() : nullptr, y_device.get(), y_type, T,
                workspace.get());
  check(workspace.clean() && left() == 0, what + ": counters or copies left");
  std::vector<float> y = floats(y_type, y_device.read());
  std::vector<double> want(y.size());
  for (size_t t = 0; t < T; ++t) {
    double size = 1e-30;
    for (size_t n = 0; n < w.N; ++n) {
      double sum = bias ? b[n] : 0, squares = 0;
      for (size_t k = 0; k < w.K; ++k) {
        const double term = x.values[t * w.K + k] * w.value(n, k);
        sum += term, squares += term * term;
      }
      want[t * w.N + n] = sum;
      size = std::max(size, std::max(std::fabs(sum), std::sqrt(squares)));
    }
    for (size_t n = 0; n < w.N; ++n) want[t * w.N + n] /= size, y[t * w.N + n] /= static_cast<float>(size);
  }
  const double error = mean_error(y, want);
  // What rounding x to fp16 adds; sums of weights that are not rounded have no other error to speak of.
  const double most = (x_type == Element::F32 ? 5e-4 : 5e-6) + rounding(y_type);
  check(error < most, what + ": error " + std::to_string(error));
}

void test_products() {
  const Element types[] = {Element::F16, Element::BF16, Element::F32};
  const uint32_t shapes[][3] = {{16, 64, 64},   {1, 7, 7},      {35, 192, 96},  {130, 512, 128}, {50, 300, 100}, {150, 1280, 32},
                                {33, 520, 520}, {200, 608, 32}, {129, 640, 64}, {40, 2400, 2400}, {24, 1120, 160}};
  uint32_t round = 0;
  for (const auto& [N, K, group] : shapes) {
    for (const uint32_t bits : {4u, 8u}) {
      const Weight w = random_weight(N, K, group, bits);
      for (const uint32_t T : {1u, 63u, 64u, 65u, 128u, 150u}) {
        if (size_t{T} * N * K > 4'000'000 && (round + T) % 4 != 0) {
          ++round;
          continue;
        }
        emulated_multiprocessors = round % 3 == 0 ? 1 : 40;  // of which the number of parts follows
        test_product(w, T, types[round % 3], types[round / 3 % 3], round % 2 == 0);
        ++round;
      }
    }
  }
}

// Results do not depend on how often; sums of parts are added in their order.
void test_determinism() {
  const Weight w = random_weight(48, 2048, 128, 4);
  const PackedLayout layout = packed_layout(w.N, w.K, w.group, w.bits);
  std::vector<unsigned char> host(layout.bytes);
  pack_on_host(layout, w.codes.data(), w.scales.data(), w.zeros.data(), host.data());
  const Device<unsigned char> packed(host), x(typed(Element::F16, normal(70 * 2048)).bytes);
  emulated_multiprocessors = 100;
  std::vector<unsigned char> first;
  for (int i = 0; i < 2; ++i) {
    const Device<unsigned char> y(70 * 48 * 4);
    const TestWorkspace workspace(packed_linear_workspace(layout, Element::F16, 70));
    packed_linear(layout, packed.get(), x.get(), Element::F16, nullptr, y.get(), Element::F32, 70, workspace.get());
    if (i == 0) first = y.read();
    else check(first == y.read(), "the same product gives other bits");
  }
}

// The order of inputs: every place once, and pairs stay pairs; the quick way and the general one agree.
void test_interleaving() {
  std::vector<bool> taken(64);
  bool good = true;
  for (u32 i = 0; i < 64; ++i) {
    const u32 place = interleaved_place(i);
    good = good && place < 64 && place / 32 == i / 32 && !taken[place] && place % 2 == i % 2;
    taken[place] = true;
  }
  check(good && interleaved_place(21) == 16 + 4 + 1 && interleaved_place(38) == 32 + 16 + 8, "the order of inputs");
  const uint32_t shapes[][4] = {{200, 200, 224, 256}, {192, 96, 96, 192}, {66, 66, 96, 128}};
  for (const auto& [K, group, padded, width] : shapes) {
    const Typed x = typed(Element::F16, normal(3 * K));
    const Device<unsigned char> from(x.bytes);
    const Device<float> wide(x.values);
    const Device<uint16_t> quick(3 * width), general(3 * width);
    interleave_rows(from.get(), Element::F16, quick.get(), Element::F16, nullptr, 3, {K, group, padded, width});
    interleave_rows(wide.get(), Element::F32, general.get(), Element::F16, nullptr, 3, {K, group, padded, width});
    check(quick.read() == general.read(), "both ways to interleave, K " + std::to_string(K));
  }
}

void test_choice() {
  const PackedLayout l = packed_layout(64, 64, 64, 4);
  const Thresholds before = thresholds;
  thresholds = {};
  check(!wgmma_packed_serves(l, 1) && !wgmma_packed_serves(l, 64) && !wgmma_packed_serves(l, 4096), "not chosen until it has been measured");
  thresholds.wgmma_packed_from = 48, thresholds.wgmma_packed_to = 256;
  check(!wgmma_packed_serves(l, 47) && wgmma_packed_serves(l, 48) && wgmma_packed_serves(l, 256) && !wgmma_packed_serves(l, 257), "where it is chosen");
  emulated_wgmma_device = false;
  check(!wgmma_packed_serves(l, 64), "another device");
  emulated_wgmma_device = true;
  thresholds = before;
}

// Dequantized once, then multiplied by wgmma.
void test_once() {
  thresholds = {};
  thresholds.fused_tokens = 0, thresholds.wgmma_product_tokens = 1;
  const Weight w = random_weight(150, 384, 128, 4);
  // Weights are rounded to fp16 on this way.
  const PackedLayout layout = packed_layout(w.N, w.K, w.group, w.bits);
  Weight rounded = w;
  check(layout.groups == 3, "groups");
  for (const Element type : {Element::F16, Element::F32}) test_product(rounded, 70, type, Element::F16, true);
}

}  // namespace

int main() {
  test_interleaving();
  test_choice();
  thresholds.wgmma_packed_from = 1;
  test_products();
  test_determinism();
  test_once();
  return finish("wgmma_packed_test");
}
