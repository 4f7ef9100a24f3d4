// See probe.h.
#include "probe.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernels/thresholds.h"
#include "../kernels/wgmma_device.h"
#include "report.h"

namespace bench {
namespace {

constexpr int kSeconds = 40;

void probe_plain(Element type, uint32_t T, uint32_t N, uint32_t K) {
  const Bytes w(size_t{2} * N * K), x(size_t{2} * T * K), y(size_t{4} * T * N);
  fill_reals(w.as<void>(), type, size_t{N} * K, -0.05f, 0.05f, 1);
  fill_reals(x.as<void>(), type, size_t{T} * K, -1, 1, 2);
  require(cudaMemset(y.as<void>(), 0xff, y.count()), "poison");
  const Precision precision = type == Element::F16 ? Precision::Fp16 : Precision::Bf16;
  const Memory memory(linear_workspace(type, type, precision, T, K, N));
  linear(x.as<void>(), type, w.as<void>(), type, nullptr, y.as<void>(), Element::F32, T, K, N, precision, memory.workspace);
  const double error = sampled_error(w.as<void>(), type, x.as<void>(), type, y.as<float>(), T, K, N);
  report(shape_text(type == Element::F16 ? "probe wgmma fp16" : "probe wgmma bf16", N, K, T) + checked(error, 1e-4));
}

void probe_packed(Element type, uint32_t bits, uint32_t group, uint32_t T, uint32_t N, uint32_t K) {
  const PackedLayout layout = packed_layout(N, K, group, bits);
  const size_t groups = size_t{N} * (K / group);
  const Bytes codes(size_t{N} * K), zeros(groups), scales(groups * 4), packed(layout.bytes), x(size_t{2} * T * K), y(size_t{4} * T * N);
  const uint32_t mask = (1u << bits) - 1;
  fill_codes(codes.as<uint8_t>(), codes.count(), mask, 1);
  fill_codes(zeros.as<uint8_t>(), zeros.count(), mask, 2);
  fill_reals(scales.as<void>(), Element::F32, groups, 0.005f, 0.02f, 3);
  fill_reals(x.as<void>(), type, size_t{T} * K, -1, 1, 4);
  pack(layout, codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), packed.as<void>());
  require(cudaMemset(y.as<void>(), 0xff, y.count()), "poison");
  const Memory memory(packed_linear_workspace(layout, type, T));
  packed_linear(layout, packed.as<void>(), x.as<void>(), type, nullptr, y.as<void>(), Element::F32, T, memory.workspace);
  const double error = sampled_error(codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), x.as<void>(), type, y.as<float>(), T, K,
                                     N, group);
  report(shape_text(bits == 4 ? "probe wgmma int4" : "probe wgmma 8-bit", N, K, T) + number("group", group) + checked(error, 1e-4));
}

// Integer sums are exact: the other kernel gives the same bits.
void probe_int8(uint32_t T, uint32_t N, uint32_t K) {
  const Bytes w(size_t{N} * K), x(size_t{T} * K), ones(size_t{4} * (T + N)), y(size_t{4} * T * N);
  fill_codes(w.as<uint8_t>(), w.count(), 255, 1);
  fill_codes(x.as<uint8_t>(), x.count(), 255, 2);
  fill_reals(ones.as<void>(), Element::F32, T + N, 0.5f, 1, 3);
  std::vector<float> results[2];
  for (std::vector<float>& result : results) {
    thresholds.wgmma_product_tokens = &result == results ? kNever : 1;
    require(cudaMemset(y.as<void>(), 0xff, y.count()), "poison");
    int8_linear(x.as<int8_t>(), ones.as<float>(), w.as<int8_t>(), ones.as<float>(), nullptr, y.as<void>(), Element::F32, T, K, N);
    result = y.read<float>();
  }
  const bool same = std::memcmp(results[0].data(), results[1].data(), y.count()) == 0;
  report(shape_text("probe wgmma int8", N, K, T) + checked(same ? 0 : 1, 0.5));
}

}  // namespace

bool probe_in_child() {
  if (!wgmma_device()) return false;
  const pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "bench_kernels", "--probe", static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = -1;
  bool ended = false;
  for (int tenth = 0; child > 0 && !ended && tenth < 10 * kSeconds; ++tenth) {
    ended = waitpid(child, &status, WNOHANG) != 0;
    if (!ended) usleep(100'000);
  }
  if (child > 0 && !ended) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    status = -1;
  }
  const bool good = ended && status == 0;
  report("\"work\": \"probe wgmma\"" + number("error", good ? 0 : 1) + (good ? "" : ended ? ", \"wrong\": true" : ", \"wrong\": true, \"ended\": 1"));
  if (!good) ++failures;
  return good;
}

int probe() {
  thresholds.wgmma_packed_from = 1;
  thresholds.wgmma_product_tokens = 1;
  for (const uint32_t T : {16u, 100u, 256u, 1000u}) {
    probe_plain(Element::F16, T, 520, 1096);
    probe_plain(Element::BF16, T, 4096, 1024);
    probe_int8(T, 1000, 1040);
    probe_packed(Element::F16, 4, 128, T, 1000, 4096);
    probe_packed(Element::BF16, 4, 128, T, 4096, 1024);
    probe_packed(Element::F16, 4, 32, T, 600, 2080);
    probe_packed(Element::F16, 8, 128, T, 600, 2048);
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace bench
