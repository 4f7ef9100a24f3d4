// See candidates.h. A candidate is a setting of the thresholds under which the library chooses it.
#include "candidates.h"

#include <map>

#include "../kernels/thresholds.h"
#include "report.h"

namespace bench {
namespace {

constexpr uint32_t kBatches[] = {16, 64, 128, 256, 512, 1024, 4096};
constexpr uint32_t kGroup = 128;

struct Candidate {
  const char* name;
  Thresholds setting;
  uint32_t most_tokens;  // where it is far behind, it is not worth the time
};

// Settings that choose one kernel for a packed weight, and for what follows where it is dequantized once.
std::vector<Candidate> packed_candidates(bool wgmma) {
  Thresholds fused, once;
  fused.fused_tokens = kNever;
  once.fused_tokens = 0;
  once.library_tokens = kNever;
  std::vector<Candidate> all{{"int4, mma.sync", fused, 512}, {"int4, once, mma.sync", once, 1024}};
  if (library_found()) {
    once.library_tokens = 1;
    all.push_back({"int4, once, library", once, kNever});
  }
  if (wgmma) {
    once.wgmma_product_tokens = 1;
    all.push_back({"int4, once, wgmma", once, kNever});
    fused.wgmma_packed_from = 1;
    all.push_back({"int4, wgmma", fused, kNever});
  }
  return all;
}

std::vector<Candidate> plain_candidates(const std::string& type, bool wgmma) {
  static std::map<std::string, std::vector<std::string>> names;
  auto& list = names[type] = {type + ", mma.sync", type + ", library", type + ", wgmma"};
  Thresholds setting;
  setting.library_tokens = kNever;
  std::vector<Candidate> all{{list[0].c_str(), setting, kNever}};
  if (type == "fp16" && library_found()) {
    setting.library_tokens = 1;
    all.push_back({list[1].c_str(), setting, kNever});
  }
  if (wgmma) {
    setting.wgmma_product_tokens = 1;
    all.push_back({list[2].c_str(), setting, kNever});
  }
  return all;
}

struct Setting {
  explicit Setting(const Thresholds& chosen) : before(thresholds) { thresholds = chosen; }
  ~Setting() { thresholds = before; }
  Setting(const Setting&) = delete;
  Thresholds before;
};

std::string rates(uint32_t N, uint32_t K, uint32_t T, size_t weight_bytes, double us, double theirs, double bandwidth) {
  const double gigabytes = static_cast<double>(weight_bytes + 2 * (size_t{T} * K + size_t{T} * N)) / us / 1e3;
  std::string line = number("microseconds", us) + number("gbPerSecond", gigabytes) + number("ofCopy", gigabytes / bandwidth) +
                     number("tflops", 2.0 * T * N * K / us / 1e6);
  if (theirs > 0) line += number("cublasMicroseconds", theirs) + number("overCublas", theirs / us);
  return line;
}

// What cuBLAS takes for each batch, once for all candidates.
using Peer = std::map<uint32_t, double>;

Peer bench_plain(uint32_t N, uint32_t K, double bandwidth, const Cublas& cublas, bool wgmma) {
  Peer peer;
  const size_t bytes = size_t{2} * N * K;
  std::vector<Bytes> w;
  for (size_t i = rotations(bytes); i > 0; --i) {
    fill_reals(w.emplace_back(bytes).as<void>(), Element::F16, size_t{N} * K, -0.05f, 0.05f, 5);
  }
  for (const uint32_t T : kBatches) {
    const Bytes x(size_t{2} * T * K), exact(size_t{4} * T * N), y(size_t{2} * T * N);
    fill_reals(x.as<void>(), Element::F16, size_t{T} * K, -1, 1, 6);
    if (cublas.found()) {
      peer[T] = measure(w.size(), [&](size_t i) { cublas.product(x.as<void>(), w[i].as<void>(), y.as<void>(), T, K, N); });
    }
    for (const Candidate& candidate : plain_candidates("fp16", wgmma)) {
      const Setting setting(candidate.setting);
      const Memory memory(linear_workspace(Element::F16, Element::F16, Precision::Fp16, T, K, N));
      const auto run = [&](const Bytes& weight, const Bytes& out, Element type) {
        linear(x.as<void>(), Element::F16, weight.as<void>(), Element::F16, nullptr, out.as<void>(), type, T, K, N, Precision::Fp16,
               memory.workspace);
      };
      require(cudaMemset(exact.as<void>(), 0xff, exact.count()), "poison");
      run(w[0], exact, Element::F32);
      const double error = sampled_error(w[0].as<void>(), Element::F16, x.as<void>(), Element::F16, exact.as<float>(), T, K, N);
      const double us = measure(w.size(), [&](size_t i) { run(w[i], y, Element::F16); });
      report(shape_text(candidate.name, N, K, T) + checked(error, 1e-4) + rates(N, K, T, bytes, us, peer[T], bandwidth));
    }
  }
  return peer;
}

void bench_packed(uint32_t N, uint32_t K, double bandwidth, Peer& peer, bool wgmma) {
  const PackedLayout layout = packed_layout(N, K, kGroup, 4);
  const size_t groups = size_t{N} * (K / kGroup);
  const Bytes codes(size_t{N} * K), zeros(groups), scales(groups * 4);
  fill_codes(codes.as<uint8_t>(), codes.count(), 15, 1);
  fill_codes(zeros.as<uint8_t>(), zeros.count(), 15, 2);
  fill_reals(scales.as<void>(), Element::F32, groups, 0.005f, 0.02f, 3);
  std::vector<Bytes> packed;
  for (size_t i = rotations(layout.bytes); i > 0; --i) {
    pack(layout, codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), packed.emplace_back(layout.bytes).as<void>());
  }
  for (const uint32_t T : kBatches) {
    const Bytes x(size_t{2} * T * K), exact(size_t{4} * T * N), y(size_t{2} * T * N);
    fill_reals(x.as<void>(), Element::F16, size_t{T} * K, -1, 1, 4);
    for (const Candidate& candidate : packed_candidates(wgmma)) {
      if (T > candidate.most_tokens) continue;
      const Setting setting(candidate.setting);
      const Memory memory(packed_linear_workspace(layout, Element::F16, T));
      const auto run = [&](const Bytes& weight, const Bytes& out, Element type) {
        packed_linear(layout, weight.as<void>(), x.as<void>(), Element::F16, nullptr, out.as<void>(), type, T, memory.workspace);
      };
      require(cudaMemset(exact.as<void>(), 0xff, exact.count()), "poison");
      run(packed[0], exact, Element::F32);
      const double error = sampled_error(codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), x.as<void>(), Element::F16,
                                         exact.as<float>(), T, K, N, kGroup);
      const double us = measure(packed.size(), [&](size_t i) { run(packed[i], y, Element::F16); });
      report(shape_text(candidate.name, N, K, T) + checked(error, 1e-3) + rates(N, K, T, layout.bytes, us, peer[T], bandwidth));
    }
  }
}

// Integer sums are exact: every candidate gives the first one's bits.
void bench_int8(uint32_t N, uint32_t K, double bandwidth, Peer& peer, bool wgmma) {
  const size_t bytes = size_t{N} * K;
  const Bytes w_scales(size_t{4} * N);
  fill_reals(w_scales.as<void>(), Element::F32, N, 0.005f, 0.02f, 3);
  std::vector<Bytes> w;
  for (size_t i = rotations(bytes); i > 0; --i) fill_codes(w.emplace_back(bytes).as<uint8_t>(), bytes, 255, 8);
  for (const uint32_t T : kBatches) {
    const Bytes x(size_t{T} * K), x_scales(size_t{4} * T), exact(size_t{4} * T * N), y(size_t{2} * T * N);
    fill_codes(x.as<uint8_t>(), x.count(), 255, 9);
    fill_reals(x_scales.as<void>(), Element::F32, T, 0.005f, 0.02f, 10);
    std::vector<float> first;
    for (const Candidate& candidate : plain_candidates("int8", wgmma)) {
      const Setting setting(candidate.setting);
      const auto run = [&](const Bytes& weight, const Bytes& out, Element type) {
        int8_linear(x.as<int8_t>(), x_scales.as<float>(), weight.as<int8_t>(), w_scales.as<float>(), nullptr, out.as<void>(), type, T, K, N);
      };
      std::string same;
      if (T <= 256) {
        require(cudaMemset(exact.as<void>(), 0xff, exact.count()), "poison");
        run(w[0], exact, Element::F32);
        std::vector<float> sums = exact.read<float>();
        if (first.empty()) first = std::move(sums);
        else same = checked(std::memcmp(first.data(), sums.data(), exact.count()) == 0 ? 0 : 1, 1e-9);
      }
      const double us = measure(w.size(), [&](size_t i) { run(w[i], y, Element::F16); });
      report(shape_text(candidate.name, N, K, T) + same + rates(N, K, T, bytes, us, peer[T], bandwidth));
    }
  }
}

}  // namespace

void bench_candidates(uint32_t N, uint32_t K, double bandwidth, const Cublas& cublas, bool wgmma) {
  Peer peer = bench_plain(N, K, bandwidth, cublas, wgmma);
  bench_packed(N, K, bandwidth, peer, wgmma);
  if (size_t{N} * K <= size_t{11008} * 4096) bench_int8(N, K, bandwidth, peer, wgmma);  // enough to tell
}

}  // namespace bench
