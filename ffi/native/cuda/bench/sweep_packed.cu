// Times shapes of blocks of the packed product beside each other, so that one run on a device says which constants of
// kernels/packed_instances.h and kernels/packed_linear.cu are best there.
#include "bench.h"
#include "packed_variants.h"

namespace bench {
namespace {

constexpr uint32_t kGroup = 128;

struct Best {
  double us = 1e30;
  std::string line;
};

std::string text_of(const PackedVariant& v, uint32_t N, uint32_t K, uint32_t T, uint32_t parts) {
  char text[320];
  std::snprintf(text, sizeof text,
                "\"work\": \"sweep int%u fp16\", \"outputs\": %u, \"inputs\": %u, \"batch\": %u, \"tilesOfWarp\": %u, \"warps\": %u, "
                "\"turns\": %u, \"stages\": %u, \"parts\": %u",
                v.bits, N, K, T, v.tiles, v.warps, v.turns, v.stages, parts);
  return text;
}

// Blocks of a variant that a multiprocessor holds, its registers, and the bytes of its ring.
std::string resources(const PackedVariant& v) {
  int blocks = 0;
  cudaFuncAttributes of{};
  require(cudaFuncSetAttribute(v.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(v.shared)), "shared memory");
  require(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, v.kernel, static_cast<int>(v.threads), v.shared), "occupancy");
  require(cudaFuncGetAttributes(&of, v.kernel), "attributes");
  char text[160];
  std::snprintf(text, sizeof text, ", \"blocksPerMultiprocessor\": %d, \"registers\": %d, \"localBytes\": %zu, \"sharedBytes\": %zu", blocks,
                of.numRegs, of.localSizeBytes, v.shared);
  return text;
}

bool sweep(const std::vector<PackedVariant>& variants, uint32_t N, uint32_t K, uint32_t T, double bandwidth) {
  const uint32_t bits = variants[0].bits, mask = (1u << bits) - 1;
  const PackedLayout layout = packed_layout(N, K, kGroup, bits);
  const size_t groups = size_t{N} * (K / kGroup), results = size_t{T} * N;
  constexpr uint32_t kMostParts = 8;
  const Bytes codes(size_t{N} * K), zeros(groups), scales(groups * 4), x(size_t{2} * T * K), y(results * 4);
  const Bytes partial(results * 4 * kMostParts), counters(kCounters * sizeof(uint32_t));
  require(cudaMemset(counters.as<void>(), 0, counters.count()), "fill");
  fill_codes(codes.as<uint8_t>(), codes.count(), mask, 1);
  fill_codes(zeros.as<uint8_t>(), zeros.count(), mask, 2);
  fill_reals(scales.as<void>(), Element::F32, groups, 0.005f, 0.02f, 3);
  fill_reals(x.as<void>(), Element::F16, size_t{T} * K, -1, 1, 4);
  std::vector<Bytes> packed;
  for (size_t i = rotations(layout.bytes); i > 0; --i) {
    pack(layout, codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), packed.emplace_back(layout.bytes).as<void>());
  }
  bool good = true;
  Best best;
  for (const PackedVariant& variant : variants) {
    const bool matrix_vector = T <= 2 && variant.tokens == 2;
    if (!matrix_vector && !(variant.tokens == T && T > 2)) continue;
    const std::string of = resources(variant);
    for (const uint32_t parts : {1u, 2u, 4u}) {
      const auto run = [&](size_t i) {
        const PackedProduct product = packed_variant_product(layout, packed[i].as<void>(), x.as<void>(), y.as<void>(), partial.as<float>(),
                                                             counters.as<uint32_t>(), T, parts);
        variant.launch(product, packed_variant_grid(variant, product));
      };
      require(cudaMemset(y.as<void>(), 0xff, y.count()), "poison");
      run(0);
      const double error = sampled_error(codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), x.as<void>(), Element::F16,
                                         y.as<float>(), T, K, N, kGroup);
      const double us = measure(packed.size(), run);
      const double gigabytes = static_cast<double>(layout.bytes + size_t{2} * T * K + results * 4) / us / 1e3;
      char numbers[160];
      std::snprintf(numbers, sizeof numbers, ", \"microseconds\": %.6g, \"gbPerSecond\": %.6g, \"ofCopy\": %.4g, \"error\": %.3g", us,
                    gigabytes, gigabytes / bandwidth, error);
      const std::string line = text_of(variant, N, K, T, parts) + of + numbers;
      std::printf("{%s%s}\n", line.c_str(), error < 1e-3 ? "" : ", \"wrong\": true");
      std::fflush(stdout);
      good = good && error < 1e-3;
      if (us < best.us) best = {us, line};
    }
  }
  std::printf("{\"best\": true, %s}\n", best.line.c_str());
  return good;
}

}  // namespace

bool sweep_packed(double bandwidth) {
  std::vector<PackedVariant> four, three, two;
  add_matrix_vector<4>(four), add_more_tokens<4>(four), add_matrix_vector<3>(three), add_matrix_vector<2>(two);
  const uint32_t shapes[][2] = {{1024, 4096}, {4096, 4096}, {11008, 4096}, {4096, 11008}, {8192, 28672}};
  bool good = true;
  for (const auto& [N, K] : shapes) {
    for (const uint32_t T : {1u, 16u, 64u}) good = sweep(four, N, K, T, bandwidth) && good;
    good = sweep(three, N, K, 1, bandwidth) && good;
    good = sweep(two, N, K, 1, bandwidth) && good;
  }
  return good;
}

}  // namespace bench
