// The shapes of blocks that the sweep on a device compares, against sums in fp64.
#include "emulated_check.h"

#include "../bench/packed_variants.h"

namespace {

void test_variant(const bench::PackedVariant& variant, uint32_t parts) {
  const uint32_t N = 52, K = 1216, group = 32 * (1 + variant.stages % 2), T = std::min(variant.tokens, 19u);
  const PackedLayout layout = packed_layout(N, K, group, variant.bits);
  std::vector<uint8_t> codes(N * K), zeros(N * layout.groups);
  for (auto* each : {&codes, &zeros}) {
    for (auto& code : *each) code = static_cast<uint8_t>(random_bits() >> (32 - variant.bits));
  }
  std::vector<float> scales = normal(zeros.size(), 0.01f);
  for (float& scale : scales) scale = f16_to_float(f16_of(scale));
  std::vector<unsigned char> bytes(layout.bytes);
  pack_on_host(layout, codes.data(), scales.data(), zeros.data(), bytes.data());
  const Typed x = typed(Element::F16, normal(size_t{T} * K));
  const Device<unsigned char> data(bytes), rows(x.bytes);
  const Device<float> y(size_t{T} * N), partial(size_t{parts} * T * N);
  const TestWorkspace workspace(0);
  const PackedProduct product =
      bench::packed_variant_product(layout, data.get(), rows.get(), y.get(), partial.get(), workspace.get().counters, T, parts);
  variant.launch(product, bench::packed_variant_grid(variant, product));
  std::vector<double> want(size_t{T} * N);
  for (size_t t = 0; t < T; ++t) {
    for (size_t n = 0; n < N; ++n) {
      for (size_t k = 0; k < K; ++k) {
        const size_t at = n * layout.groups + k / group;
        want[t * N + n] += x.values[t * K + k] * (static_cast<int>(codes[n * K + k]) - zeros[at]) * static_cast<double>(scales[at]);
      }
    }
  }
  const double error = mean_error(y.read(), want);
  check(error < 1e-4 && workspace.clean(), std::to_string(variant.bits) + " bits, " + std::to_string(variant.tokens) + " tokens, " +
                                               std::to_string(variant.tiles) + " " + std::to_string(variant.warps) + " " +
                                               std::to_string(variant.turns) + " " + std::to_string(variant.stages) + ", " +
                                               std::to_string(parts) + " parts: error " + std::to_string(error));
}

}  // namespace

int main() {
  std::vector<bench::PackedVariant> variants;
  bench::add_matrix_vector<3>(variants), bench::add_more_tokens<4>(variants);
  for (const auto& variant : variants) {
    test_variant(variant, 1);
    test_variant(variant, 3);
  }
  return finish("packed_variants_test");
}
