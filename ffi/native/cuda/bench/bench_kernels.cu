// Checks and times the kernels on a GPU; one JSON object a line on standard output. Leaves with 1 where a result is wrong.
//
// From ffi/native, for an H100 (sm_90a):
//   nvcc -O3 -std=c++20 --fmad=false -gencode arch=compute_90a,code=sm_90a cuda/bench/*.cu cuda/kernels/*.cu -o bench_kernels
//   ./bench_kernels [--quick | --sweep]     --sweep: which shapes of blocks are best for few tokens
//
// Weights are rotated through copies that do not fit into L2 together; times are medians of 21, by events, of calls in one graph.
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "../kernels/multiprocessors.h"
#include "candidates.h"
#include "cublas.h"
#include "probe.h"
#include "report.h"

namespace simt {

Stream stream() { return bench::the_stream(); }

void check_launch(cudaError_t result, const char* name, dim3, dim3, size_t) { bench::require(result, name); }

}  // namespace simt

namespace bench {
namespace {

struct Shape {
  uint32_t N, K;
};
constexpr Shape kShapes[] = {{4096, 4096}, {11008, 4096}, {4096, 11008}, {8192, 28672}};
constexpr uint32_t kBatches[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096};
constexpr uint32_t kGroup = 128;

double copy_bandwidth() {
  const size_t bytes = size_t{1} << 30;
  const Bytes from(bytes), to(bytes);
  require(cudaMemset(from.as<void>(), 1, bytes), "fill");
  const double us = measure(2, [&](size_t) {
    require(cudaMemcpyAsync(to.as<void>(), from.as<void>(), bytes, cudaMemcpyDeviceToDevice, the_stream()), "copy");
  });
  const double gigabytes = 2.0 * static_cast<double>(bytes) / us / 1e3;
  report("\"work\": \"copy\"" + number("gbPerSecond", gigabytes) + number("microseconds", us));
  return gigabytes;
}

// INT4, or other bits, one type of activations; for INT4 and fp16 also cuBLAS on fp16 weights.
void bench_shape(const Shape& shape, const std::vector<uint32_t>& batches, Element type, double bandwidth, const Cublas& cublas,
                 uint32_t bits = 4) {
  const auto [N, K] = shape;
  const uint32_t mask = (1u << bits) - 1;
  const PackedLayout layout = packed_layout(N, K, kGroup, bits);
  const size_t groups = size_t{N} * (K / kGroup);
  const Bytes codes(size_t{N} * K), zeros(groups), scales(groups * 4);
  fill_codes(codes.as<uint8_t>(), codes.count(), mask, 1);
  fill_codes(zeros.as<uint8_t>(), zeros.count(), mask, 2);
  fill_reals(scales.as<void>(), Element::F32, groups, 0.005f, 0.02f, 3);
  std::vector<Bytes> packed, halves;
  for (size_t i = rotations(layout.bytes); i > 0; --i) {
    pack(layout, codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), packed.emplace_back(layout.bytes).as<void>());
  }
  const bool peer = type == Element::F16 && bits == 4 && cublas.found();
  for (size_t i = peer ? rotations(size_t{2} * N * K) : 0; i > 0; --i) {
    unpack(layout, packed[0].as<void>(), 0, N, Element::F16, halves.emplace_back(size_t{2} * N * K).as<void>(), K);
  }
  for (const uint32_t T : batches) {
    const Bytes x(size_t{2} * T * K), exact(size_t{4} * T * N), y(size_t{2} * T * N);
    fill_reals(x.as<void>(), type, size_t{T} * K, -1, 1, 4);
    require(cudaMemset(exact.as<void>(), 0xff, exact.count()), "poison");
    const Memory memory(packed_linear_workspace(layout, type, T));
    packed_linear(layout, packed[0].as<void>(), x.as<void>(), type, nullptr, exact.as<void>(), Element::F32, T, memory.workspace);
    const double error = sampled_error(codes.as<uint8_t>(), scales.as<float>(), zeros.as<uint8_t>(), x.as<void>(), type,
                                       exact.as<float>(), T, K, N, kGroup);
    const double us = measure(packed.size(), [&](size_t i) {
      packed_linear(layout, packed[i].as<void>(), x.as<void>(), type, nullptr, y.as<void>(), type, T, memory.workspace);
    });
    const double gigabytes = static_cast<double>(layout.bytes + 2 * (size_t{T} * K + size_t{T} * N)) / us / 1e3;
    std::string line = shape_text(("int" + std::to_string(bits) + (type == Element::F16 ? " fp16" : " bf16")).c_str(), N, K, T) + checked(error, 1e-3) +
                       number("microseconds", us) + number("gbPerSecond", gigabytes) + number("ofCopy", gigabytes / bandwidth) +
                       number("tflops", 2.0 * T * N * K / us / 1e6);
    if (peer) {
      const double theirs = measure(halves.size(), [&](size_t i) {
        cublas.product(x.as<void>(), halves[i].as<void>(), y.as<void>(), T, K, N);
      });
      line += number("cublasMicroseconds", theirs) + number("overCublas", theirs / us);
    }
    report(line);
  }
}

// Our own fp16 product, that decoding without quantization uses, and the large one where cuBLASLt is missing.
void bench_half(const Shape& shape, const std::vector<uint32_t>& batches, const Cublas& cublas) {
  const auto [N, K] = shape;
  std::vector<Bytes> w;
  for (size_t i = rotations(size_t{2} * N * K); i > 0; --i) {
    fill_reals(w.emplace_back(size_t{2} * N * K).as<void>(), Element::F16, size_t{N} * K, -0.05f, 0.05f, 5);
  }
  for (const uint32_t T : batches) {
    const Bytes x(size_t{2} * T * K), exact(size_t{4} * T * N), y(size_t{2} * T * N);
    fill_reals(x.as<void>(), Element::F16, size_t{T} * K, -1, 1, 6);
    const Memory memory(linear_workspace(Element::F16, Element::F16, Precision::Fp16, T, K, N));
    const auto run = [&](const Bytes& weight, const Bytes& out, Element type) {
      linear(x.as<void>(), Element::F16, weight.as<void>(), Element::F16, nullptr, out.as<void>(), type, T, K, N, Precision::Fp16,
             memory.workspace);
    };
    run(w[0], exact, Element::F32);
    const double error = sampled_error(w[0].as<void>(), Element::F16, x.as<void>(), Element::F16, exact.as<float>(), T, K, N);
    const double us = measure(w.size(), [&](size_t i) { run(w[i], y, Element::F16); });
    std::string line = shape_text("fp16", N, K, T) + checked(error, 1e-4) + number("microseconds", us) +
                       number("tflops", 2.0 * T * N * K / us / 1e6) + (library_found() ? ", \"cublasLt\": true" : "");
    if (cublas.found()) {
      const double theirs = measure(w.size(), [&](size_t i) { cublas.product(x.as<void>(), w[i].as<void>(), y.as<void>(), T, K, N); });
      line += number("cublasMicroseconds", theirs) + number("overCublas", theirs / us);
    }
    report(line);
  }
}

void bench_attention(uint32_t keys) {
  AttentionShape shape{32, 8, 128, 1, 1, keys, 0.088388f, 0, keys - 1};
  const size_t cache = size_t{keys} * 8 * 128;
  const Bytes q(2 * 32 * 128), k(2 * cache), v(2 * cache), out(2 * 32 * 128), length(4);
  for (const Bytes* each : {&q, &k, &v}) fill_reals(each->as<void>(), Element::F16, each->count() / 2, -1, 1, 7);
  require(cudaMemcpy(length.as<void>(), &keys, 4, cudaMemcpyHostToDevice), "length");
  const Memory memory(decode_attention_workspace(shape, keys));
  const double us = measure(1, [&](size_t) {
    decode_attention(q.as<void>(), k.as<void>(), v.as<void>(), out.as<void>(), Element::F16, shape, length.as<uint32_t>(), keys,
                     memory.workspace);
  });
  report("\"work\": \"decode attention\"" + number("keys", keys) + number("microseconds", us) +
         number("gbPerSecond", 4.0 * static_cast<double>(cache) / us / 1e3));
}

void run(bool quick, bool sweep) {
  cudaDeviceProp device{};
  require(cudaGetDeviceProperties(&device, 0), "device");
  report("\"device\": \"" + std::string(device.name) + "\"" + number("multiprocessors", device.multiProcessorCount) +
         number("l2Bytes", device.l2CacheSize) + number("computeCapability", 10 * device.major + device.minor));
  const double bandwidth = copy_bandwidth();
  if (sweep) {
    if (!sweep_packed(bandwidth)) ++failures;
    return;
  }
  const Cublas cublas;
  const std::vector<uint32_t> all(std::begin(kBatches), std::end(kBatches)), few{1, 8, 16, 64, 256};
  const std::vector<uint32_t>& batches = quick ? few : all;
  for (const Shape& shape : kShapes) bench_shape(shape, batches, Element::F16, bandwidth, cublas);
  bench_shape(kShapes[0], few, Element::BF16, bandwidth, cublas);
  for (const Shape& shape : kShapes) {
    for (const uint32_t bits : {3u, 2u}) bench_shape(shape, {1, 8, 16, 64}, Element::F16, bandwidth, cublas, bits);
  }
  for (const Shape& shape : kShapes) bench_half(shape, quick ? few : all, cublas);
  for (const uint32_t keys : {512u, 4096u, 32768u}) bench_attention(keys);
  const bool wgmma = probe_in_child();
  for (const Shape& shape : kShapes) bench_candidates(shape.N, shape.K, bandwidth, cublas, wgmma);
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  const auto given = [&](const char* option) { return count > 1 && std::strcmp(arguments[1], option) == 0; };
  if (given("--probe")) return bench::probe();
  bench::run(given("--quick"), given("--sweep"));
  return bench::failures == 0 ? 0 : 1;
}
