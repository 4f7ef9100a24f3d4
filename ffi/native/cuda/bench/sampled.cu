// Random contents and sampled exact results of the device benchmark.
#include <cmath>
#include <utility>

#include "../kernels/elements.h"
#include "bench.h"

namespace bench {
namespace {

constexpr uint32_t kThreads = 256, kSamples = 4096;

__device__ uint32_t scrambled(uint64_t i, uint32_t seed) {
  uint64_t z = (i + 1) * 0x9e3779b97f4a7c15ull + static_cast<uint64_t>(seed) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return static_cast<uint32_t>((z ^ z >> 31) >> 16);
}

__global__ void codes_kernel(uint8_t* data, size_t count, uint32_t mask, uint32_t seed) {
  for (size_t i = blockIdx.x * size_t{kThreads} + threadIdx.x; i < count; i += size_t{gridDim.x} * kThreads) {
    data[i] = static_cast<uint8_t>(scrambled(i, seed) & mask);
  }
}

__global__ void reals_kernel(void* data, Element type, size_t count, float low, float high, uint32_t seed) {
  for (size_t i = blockIdx.x * size_t{kThreads} + threadIdx.x; i < count; i += size_t{gridDim.x} * kThreads) {
    const float value = low + (high - low) * (static_cast<float>(scrambled(i, seed) >> 8) * 0x1p-24f);
    store_element(data, type, i, value);
  }
}

struct Sampled {
  const uint8_t* codes;
  const float* scales;
  const uint8_t* zeros;
  const void* w;
  Element w_type;
  const void* x;
  Element x_type;
  const float* y;
  uint32_t T, K, N, group;
};

// A warp for each sample: [|difference|, |exact|].
__global__ void samples_kernel(Sampled s, double* errors) {
  const uint32_t sample = blockIdx.x * (kThreads / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  const uint32_t t = scrambled(sample, 1) % s.T, n = scrambled(sample, 2) % s.N;
  double sum = 0;
  for (uint32_t k = lane; k < s.K; k += 32) {
    const double x = load_element(s.x, s.x_type, static_cast<size_t>(t) * s.K + k);
    const size_t at = static_cast<size_t>(n) * s.K + k, group = static_cast<size_t>(n) * (s.K / s.group) + k / s.group;
    const double w = s.codes == nullptr ? load_element(s.w, s.w_type, at)
                                        : (static_cast<int>(s.codes[at]) - static_cast<int>(s.zeros[group])) *
                                              static_cast<double>(s.scales[group]);
    sum += x * w;
  }
  for (int i = 16; i > 0; i /= 2) sum += __shfl_xor_sync(kAllLanes, sum, i);
  if (lane != 0) return;
  errors[2 * sample] = fabs(s.y[static_cast<size_t>(t) * s.N + n] - sum);
  errors[2 * sample + 1] = fabs(sum);
}

double error_of(const Sampled& sampled) {
  const Bytes errors(2 * kSamples * sizeof(double));
  simt::launch("samples", samples_kernel, kSamples / (kThreads / 32), kThreads, 0, sampled, errors.as<double>());
  const std::vector<double> values = errors.read<double>();
  double difference = 0, size = 1e-300;
  for (size_t i = 0; i < values.size(); i += 2) difference += values[i], size += values[i + 1];
  return std::isfinite(difference) ? difference / size : INFINITY;
}

}  // namespace

void fill_codes(uint8_t* data, size_t count, uint32_t mask, uint32_t seed) {
  simt::launch("random codes", codes_kernel, 1024, kThreads, 0, data, count, mask, seed);
}

void fill_reals(void* data, Element type, size_t count, float low, float high, uint32_t seed) {
  simt::launch("random reals", reals_kernel, 1024, kThreads, 0, data, type, count, low, high, seed);
}

double sampled_error(const uint8_t* codes, const float* scales, const uint8_t* zeros, const void* x, Element x_type,
                     const float* y, uint32_t T, uint32_t K, uint32_t N, uint32_t group) {
  return error_of({codes, scales, zeros, nullptr, Element::F32, x, x_type, y, T, K, N, group});
}

double sampled_error(const void* w, Element w_type, const void* x, Element x_type, const float* y, uint32_t T, uint32_t K,
                     uint32_t N) {
  return error_of({nullptr, nullptr, nullptr, w, w_type, x, x_type, y, T, K, N, 1});
}

}  // namespace bench
