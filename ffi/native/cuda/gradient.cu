// The error of rounded scales and its gradient by the straight-through estimate (see Ops.scaleGradient).
//
// With P = D G the loss is D . P and its slope by D is 2 P, so a call costs one product of the weight with the
// Gram, or two with the sample. All else is a walk over the weight.
#include <algorithm>
#include <vector>

#include "energy.h"
#include "grid.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kFloats = size_t{32} << 20;  // of the rows that are measured together
constexpr size_t kBand = 32;                  // rows whose sums one warp takes, in their order

struct Job {
  const void* w;
  DType type;
  Grid grid;
  const float* s;
  size_t first, rows, K;  // of w
};

__device__ __forceinline__ size_t this_warp() { return (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32; }

// losses [rows] = d . p of each row; one block for a row.
__global__ void row_losses(const float* d, const float* p, double* losses, size_t K) {
  double sum = 0;
  for (size_t k = threadIdx.x; k < K; k += blockDim.x) {
    sum += static_cast<double>(d[blockIdx.x * K + k]) * static_cast<double>(p[blockIdx.x * K + k]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) losses[blockIdx.x] = sum;
}

// The first place of the least (sign 1) or the largest (-1) of a group's values; `none` where no value is beyond `from`.
template <class At>
__device__ __forceinline__ uint32_t first_place(uint32_t g, float from, float sign, uint32_t none, const At& at) {
  float best = sign * from;
  uint32_t place = none;
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) {
    const float value = sign * at(i);
    if (value < best) best = value, place = i;
  }
  for (int distance = 16; distance > 0; distance /= 2) {
    const float other = __shfl_xor_sync(0xffffffffu, best, distance);
    const uint32_t where = __shfl_xor_sync(0xffffffffu, place, distance);
    if (other < best || (other == best && where < place)) best = other, place = where;
  }
  return place;
}

// What one group of a row gives to the gradient [g] at `out`, which is this warp's alone.
__device__ __forceinline__ void add_group(const Job& job, size_t at, const float* s, const float* p, double* out) {
  const Grid& grid = job.grid;
  const uint32_t g = grid.group, lane = threadIdx.x % 32, most_code = (1u << grid.bits) - 1;
  const float most = static_cast<float>(most_code);
  const auto value_at = [&](uint32_t i) { return load(job.w, job.type, at + i) * s[i]; };
  const Fitted fitted = fit(warp_range(g, value_at), grid);
  const bool open = grid.symmetric || grid.range_zero;
  const uint32_t low = first_place(g, open ? 0.0f : INFINITY, 1.0f, g, value_at);
  const uint32_t high = first_place(g, open ? 0.0f : -INFINITY, -1.0f, g, value_at);
  double by_scale = 0, by_zero = 0;
  for (uint32_t i = lane; i < g; i += 32) {
    const float v = value_at(i);
    const double slope = 2.0 * static_cast<double>(p[i]), by_value = -slope / static_cast<double>(s[i]);
    const float code = rintf(__fdiv_rn(v, fitted.scale)) + fitted.zero;
    const bool inside = code >= 0 && code <= most;
    const double steps = static_cast<double>((code > most ? most : code > 0 ? code : 0) - fitted.zero);
    const double scale = static_cast<double>(fitted.scale);
    out[i] += slope * steps * scale / static_cast<double>(s[i]) + (inside ? by_value * static_cast<double>(v) : 0.0);
    by_scale += by_value * (steps - (inside ? static_cast<double>(v) / scale : 0.0));
    if (!inside) by_zero -= by_value * scale;
  }
  by_scale = warp_sum(by_scale), by_zero = warp_sum(by_zero);
  __syncwarp();  // what the lanes have added is there for the one that goes on
  if (lane != 0) return;
  const double lowest = low < g ? static_cast<double>(value_at(low)) : 0.0;
  const double highest = high < g ? static_cast<double>(value_at(high)) : 0.0;
  constexpr double kMinRange = static_cast<double>(1e-5f);
  if (grid.symmetric) {
    const uint32_t end = -lowest > highest ? low : high;
    const double magnitude = fmax(-lowest, highest);
    if (end < g && magnitude >= kMinRange) out[end] += by_scale * magnitude / ((1u << (grid.bits - 1)) - 1);
    return;
  }
  double by_low = 0, by_high = 0;
  const double scale = static_cast<double>(fitted.scale);
  const float wanted = rintf(__fdiv_rn(static_cast<float>(-lowest), fitted.scale));
  if (wanted >= 0 && wanted <= most) {
    by_low -= by_zero / scale;
    by_scale += by_zero * lowest / (scale * scale);
  }
  if (static_cast<double>(static_cast<float>(highest) - static_cast<float>(lowest)) >= kMinRange) {
    by_low -= by_scale / most_code;
    by_high += by_scale / most_code;
  }
  if (low < g) out[low] += by_low * lowest;
  if (high < g) out[high] += by_high * highest;
}

// sums [bands, K], zeros before: a warp takes one group of a band's rows, in their order.
__global__ void band_gradients(Job job, const float* p, double* sums, size_t bands) {
  const size_t warp = this_warp(), groups = job.K / job.grid.group;
  if (warp >= bands * groups) return;
  const size_t band = warp / groups, k = warp % groups * job.grid.group;
  const size_t begin = band * kBand, end = min(begin + kBand, job.rows);
  for (size_t r = begin; r < end; r++) {
    __syncwarp();  // an earlier row's sums are there
    add_group(job, (job.first + r) * job.K + k, job.s + k, p + r * job.K + k, sums + band * job.K + k);
  }
}

// gradient [K] += the bands' sums, in their order.
__global__ void add_bands(const double* sums, size_t bands, double* gradient, size_t K) {
  const size_t k = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= K) return;
  double total = gradient[k];
  for (size_t b = 0; b < bands; b++) total += sums[b * K + k];
  gradient[k] = total;
}

// p [rows, K] = d G.
void difference_products(const float* d, const Moment& moment, float* p, size_t rows, size_t K) {
  if (!moment.tokens) {
    product({d, K}, Stored::Rows, {moment.data, K}, Stored::Rows, {p, K}, rows, K, K);  // G is symmetric
    return;
  }
  const Temporary<float> outputs(rows * moment.rows);
  product({d, K}, Stored::Rows, {moment.data, K}, Stored::Rows, {outputs.data(), moment.rows}, rows, moment.rows, K);
  const Target target{p, K, 0, false, static_cast<float>(moment.weight)};
  product({outputs.data(), moment.rows}, Stored::Rows, {moment.data, K}, Stored::Columns, target, rows, K, moment.rows);
}

}  // namespace

double scale_gradient(const void* w, DType type, const Moment& moment, const Grid& grid, const float* s, double* gradient,
                      size_t N, size_t K) {
  const size_t step = std::min(N, std::max<size_t>(kBand, kFloats / K / kBand * kBand)), groups = K / grid.group;
  const Temporary<float> factors(s, K), d(step * K), p(step * K);
  const Temporary<double> losses(N);
  Temporary<double> sums((step + kBand - 1) / kBand * K), total(K);
  total.clear();
  for (size_t n = 0; n < N; n += step) {
    const Job job{w, type, grid, factors.data(), n, std::min(step, N - n), K};
    const size_t bands = (job.rows + kBand - 1) / kBand;
    scaled_errors(w, type, grid, factors.data(), 1, n, d.data(), job.rows, K);
    difference_products(d.data(), moment, p.data(), job.rows, K);
    simt::launch("scaleGradient, losses", row_losses, static_cast<unsigned>(job.rows), kThreads, 0, d.data(), p.data(),
                 losses.data() + n, K);
    sums.clear();
    simt::launch("scaleGradient", band_gradients, simt::blocks(bands * groups, kThreads / 32), kThreads, 0, job, p.data(),
                 sums.data(), bands);
    simt::launch("scaleGradient, sums", add_bands, simt::blocks(K, kThreads), kThreads, 0, sums.data(), bands, total.data(), K);
  }
  total.read(gradient);
  std::vector<double> rows(N);
  losses.read(rows.data());
  double loss = 0;
  for (const double row : rows) loss += row;
  return loss;
}

}  // namespace salient
