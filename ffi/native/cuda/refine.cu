// Coordinate descent on the scales s, for the sum over weights of trace(D G D^T), D = w - Q(w s) / s.
//
// Changing s of some inputs changes D only in their groups, by E. The loss then changes by 2 E . P + E G E^T with
// P = D G. Only the columns of P in those groups are needed, and they serve all channels of the same groups. In most rows
// the changed inputs are not at the end of their group's range: its grid stays, and E has as few entries as inputs
// changed. What is decided stays on the device: a channel after the other is tried without waiting for the host.
#include <algorithm>
#include <cmath>
#include <vector>

#include "../abi/elementwise.h"
#include "energy.h"
#include "grid.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kErrors = size_t{32} << 20;
constexpr double kMargin = 1e-7;  // of the loss: less is not worth a change, and may be rounding

// The state: pointers to device memory. What stands in the columns of the touched groups is side by side.
struct State {
  Grid grid;
  size_t rows, K;
  const float* w;              // [rows, K] of all weights
  float* s;                    // [K]
  float* residual;             // D [rows, K]
  const uint32_t* channel_of;  // [K]
  const float* factors;        // [F]
  uint32_t F;
  // Of the touched groups:
  uint32_t count;              // of groups
  uint32_t width;              // of columns
  const uint32_t* groups;      // [count], ascending
  float* block;                // G there [width, width]
  float* products;             // P there [rows, width]
  Fitted* fitted;              // [rows, count]
  // Of the channel at hand:
  uint32_t channel;
  uint32_t inputs;             // their number
  const uint32_t* places;      // [inputs] among the touched columns
  // What is chosen:
  double* loss;
  uint32_t* chosen;            // a factor, or F for none
};

__device__ __forceinline__ size_t this_warp() {
  return (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
}

// The input that stands in touched column i.
__device__ __forceinline__ size_t input_at(const State& r, uint32_t i) {
  return static_cast<size_t>(r.groups[i / r.grid.group]) * r.grid.group + i % r.grid.group;
}

__device__ __forceinline__ float tried_scale(const State& r, size_t k, float factor) {
  return r.channel_of[k] == r.channel ? r.s[k] * factor : r.s[k];
}

__device__ __forceinline__ float residual_of(float w, float s, const Fitted& fitted, float top) {
  return w - __fdiv_rn(value_of(code_of(w * s, fitted, top), fitted), s);
}

// The grid of touched group a of row n under a factor; by a whole warp.
__device__ __forceinline__ Fitted fit_tried(const State& r, size_t n, uint32_t a, float factor) {
  const size_t first = static_cast<size_t>(r.groups[a]) * r.grid.group;
  return fit(warp_range(r.grid.group, [&](uint32_t i) { return r.w[n * r.K + first + i] * tried_scale(r, first + i, factor); }),
             r.grid);
}

__device__ __forceinline__ bool same(const Fitted& a, const Fitted& b) { return a.scale == b.scale && a.zero == b.zero; }

// E of row n under a factor, by a whole warp. Where a grid changes: dense, e [width]. Else e [inputs], at the inputs.
__device__ __forceinline__ bool change_of_row(const State& r, size_t n, float factor, float* e) {
  const uint32_t g = r.grid.group, lane = threadIdx.x % 32;
  const float top = top_code(r.grid);
  bool dense = false;
  for (uint32_t a = 0; a < r.count && !dense; a++) dense = !same(fit_tried(r, n, a, factor), r.fitted[n * r.count + a]);
  if (!dense) {
    for (uint32_t i = lane; i < r.inputs; i += 32) {
      const uint32_t at = r.places[i];
      const size_t k = input_at(r, at);
      const float now = residual_of(r.w[n * r.K + k], tried_scale(r, k, factor), r.fitted[n * r.count + at / g], top);
      e[i] = now - r.residual[n * r.K + k];
    }
  }
  for (uint32_t a = 0; a < r.count && dense; a++) {
    const Fitted fitted = fit_tried(r, n, a, factor);
    const bool stays = same(fitted, r.fitted[n * r.count + a]);
    for (uint32_t i = a * g + lane; i < (a + 1) * g; i += 32) {
      const size_t k = input_at(r, i);
      const bool changes = !stays || r.channel_of[k] == r.channel;
      const float now = residual_of(r.w[n * r.K + k], tried_scale(r, k, factor), fitted, top);
      e[i] = changes ? now - r.residual[n * r.K + k] : 0.0f;
    }
  }
  __syncwarp();
  return dense;
}

// changes [rows, F] of the rows from `first` on; one warp for a row and a factor.
__global__ void measure(State r, float* scratch, double* changes, size_t first, size_t rows) {
  const size_t m = this_warp();
  if (m >= rows * r.F) return;
  const size_t n = first + m / r.F;
  const float factor = r.factors[m % r.F];
  double change = 0;
  if (factor != 1.0f) {
    float* e = scratch + m * r.width;
    const bool dense = change_of_row(r, n, factor, e);
    const float* p = r.products + n * r.width;
    const uint32_t entries = dense ? r.width : r.inputs;
    for (uint32_t i = threadIdx.x % 32; i < entries; i += 32) {
      if (e[i] == 0) continue;
      const uint32_t at = dense ? i : r.places[i];
      const float* row = r.block + static_cast<size_t>(at) * r.width;
      double across = 2.0 * static_cast<double>(p[at]);
      for (uint32_t j = 0; j < entries; j++) {
        across += static_cast<double>(row[dense ? j : r.places[j]]) * static_cast<double>(e[j]);
      }
      change += static_cast<double>(e[i]) * across;
    }
    change = warp_sum(change);
  }
  if (threadIdx.x % 32 == 0) changes[n * r.F + m % r.F] = change;
}

// One block for each factor.
__global__ void add_changes(State r, const double* changes, double* totals) {
  double total = 0;
  for (size_t n = threadIdx.x; n < r.rows; n += blockDim.x) total += changes[n * r.F + blockIdx.x];
  total = block_sum(total);
  if (threadIdx.x == 0) totals[blockIdx.x] = total;
}

// One thread.
__global__ void choose(State r, const double* totals) {
  double best = -kMargin * *r.loss;
  uint32_t chosen = r.F;
  for (uint32_t f = 0; f < r.F; f++) {
    if (totals[f] < best) {
      best = totals[f];
      chosen = f;
    }
  }
  *r.chosen = chosen;
  if (chosen < r.F) *r.loss += best;
}

// Moves the rows from `first` on to the chosen factor; one warp for a row.
__global__ void apply(State r, float* scratch, size_t first, size_t rows) {
  const size_t m = this_warp();
  if (m >= rows || *r.chosen == r.F) return;
  const size_t n = first + m;
  const float factor = r.factors[*r.chosen];
  const uint32_t lane = threadIdx.x % 32;
  float* e = scratch + m * r.width;
  const bool dense = change_of_row(r, n, factor, e);
  float* p = r.products + n * r.width;
  const uint32_t entries = dense ? r.width : r.inputs;
  for (uint32_t i = 0; i < entries; i++) {
    if (e[i] == 0) continue;
    const uint32_t at = dense ? i : r.places[i];
    const float* row = r.block + static_cast<size_t>(at) * r.width;
    for (uint32_t j = lane; j < r.width; j += 32) p[j] = fmaf(e[i], row[j], p[j]);
    if (lane == 0) r.residual[n * r.K + input_at(r, at)] += e[i];
  }
  for (uint32_t a = 0; a < r.count && dense; a++) {
    const Fitted fitted = fit_tried(r, n, a, factor);
    if (lane == 0) r.fitted[n * r.count + a] = fitted;
  }
}

__global__ void move_scales(State r) {
  const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= r.inputs || *r.chosen == r.F) return;
  r.s[input_at(r, r.places[i])] *= r.factors[*r.chosen];
}

__global__ void gather_block(State r, const float* gram) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= static_cast<size_t>(r.width) * r.width) return;
  r.block[i] = gram[input_at(r, static_cast<uint32_t>(i / r.width)) * r.K + input_at(r, static_cast<uint32_t>(i % r.width))];
}

// One warp for a row.
__global__ void fit_touched(State r) {
  const size_t n = this_warp();
  if (n >= r.rows) return;
  for (uint32_t a = 0; a < r.count; a++) {
    const Fitted fitted = fit_tried(r, n, a, 1.0f);
    if (threadIdx.x % 32 == 0) r.fitted[n * r.count + a] = fitted;
  }
}

// D of all rows; one warp for a group.
__global__ void first_residual(State r) {
  const size_t group = this_warp();
  const uint32_t g = r.grid.group;
  if (group >= r.rows * (r.K / g)) return;
  const float* w = r.w + group * g;
  const float* s = r.s + group * g % r.K;
  const Fitted fitted = fit(warp_range(g, [&](uint32_t i) { return w[i] * s[i]; }), r.grid);
  const float top = top_code(r.grid);
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) r.residual[group * g + i] = residual_of(w[i], s[i], fitted, top);
}

unsigned warps(size_t count) { return simt::blocks(count, kThreads / 32); }

// A channel: its inputs' places, and where its groups are in the list of all channels' groups.
struct Channel {
  uint32_t id, inputs, first_input, count, first_group;
};

struct Channels {
  std::vector<Channel> all;
  std::vector<uint32_t> groups, places;
  uint32_t most_groups = 0;

  Channels(const uint32_t* channel_of, size_t K, uint32_t g) {
    std::vector<uint32_t> order(K);
    for (size_t k = 0; k < K; k++) order[k] = static_cast<uint32_t>(k);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return channel_of[a] < channel_of[b]; });
    for (size_t i = 0; i < K;) {
      Channel channel{channel_of[order[i]], 0, static_cast<uint32_t>(i), 0, static_cast<uint32_t>(groups.size())};
      for (; i < K && channel_of[order[i]] == channel.id; i++, channel.inputs++) {
        const uint32_t group = order[i] / g;
        if (channel.count == 0 || groups.back() != group) {
          groups.push_back(group);
          channel.count++;
        }
        places.push_back((channel.count - 1) * g + order[i] % g);
      }
      most_groups = std::max(most_groups, channel.count);
      all.push_back(channel);
    }
  }

  bool same_groups(const Channel& a, const Channel& b) const {
    const auto at = [&](const Channel& c) { return groups.begin() + c.first_group; };
    return std::equal(at(a), at(a) + a.count, at(b), at(b) + b.count);
  }
};

void descend(State state, const Channels& channels, const float* gram) {
  const size_t width = static_cast<size_t>(channels.most_groups) * state.grid.group;
  const size_t step = std::clamp<size_t>(kErrors / width / std::max(state.F, 1u), 1, state.rows);
  const Temporary<uint32_t> groups(channels.groups.data(), channels.groups.size());
  const Temporary<uint32_t> places(channels.places.data(), channels.places.size());
  const Temporary<float> block(width * width), products(state.rows * width), scratch(step * state.F * width);
  const Temporary<Fitted> fitted(state.rows * channels.most_groups);
  const Temporary<double> changes(state.rows * state.F), totals(state.F);
  const Temporary<uint32_t> chosen(1);
  state.block = block.data();
  state.products = products.data();
  state.fitted = fitted.data();
  state.chosen = chosen.data();
  const Channel* touched = nullptr;
  for (const Channel& channel : channels.all) {
    state.channel = channel.id;
    state.inputs = channel.inputs;
    state.places = places.data() + channel.first_input;
    state.groups = groups.data() + channel.first_group;
    state.count = channel.count;
    state.width = channel.count * state.grid.group;
    if (touched == nullptr || !channels.same_groups(*touched, channel)) {
      const size_t size = static_cast<size_t>(state.width) * state.width;
      simt::launch("Gram of groups", gather_block, simt::blocks(size, kThreads), kThreads, 0, state, gram);
      simt::launch("grids of groups", fit_touched, warps(state.rows), kThreads, 0, state);
      for (uint32_t a = 0; a < channel.count; a++) {
        const size_t first = static_cast<size_t>(channels.groups[channel.first_group + a]) * state.grid.group;
        product({state.residual, state.K}, Stored::Rows, {gram + first * state.K, state.K}, Stored::Rows,
                {state.products + a * state.grid.group, state.width}, state.rows, state.grid.group, state.K);
      }
      touched = &channel;
    }
    for (size_t n = 0; n < state.rows; n += step) {
      const size_t rows = std::min(step, state.rows - n);
      simt::launch("refineScales, tries", measure, warps(rows * state.F), kThreads, 0, state, scratch.data(), changes.data(), n,
                   rows);
    }
    simt::launch("refineScales, sums", add_changes, state.F, kThreads, 0, state, changes.data(), totals.data());
    simt::launch("refineScales, choice", choose, 1, 1, 0, state, totals.data());
    for (size_t n = 0; n < state.rows; n += step) {
      const size_t rows = std::min(step, state.rows - n);
      simt::launch("refineScales, move", apply, warps(rows), kThreads, 0, state, scratch.data(), n, rows);
    }
    simt::launch("refineScales, scales", move_scales, simt::blocks(state.inputs, kThreads), kThreads, 0, state);
  }
}

double total_loss(const void* const* w, const DType* types, const size_t* N, size_t weights, const float* gram, const Grid& grid,
                  const float* s, size_t K) {
  double total = 0;
  for (size_t i = 0; i < weights; i++) {
    double loss;
    scale_losses(w[i], types[i], Moment{false, gram, 0, 1.0}, grid, s, 1, &loss, N[i], K);
    total += loss;
  }
  return total;
}

}  // namespace

void refine_scales(const void* const* w, const DType* types, const size_t* N, size_t weights, const float* gram, const Grid& grid,
                   const float* factors, size_t F, const uint32_t* channel_of, float* s, double losses[2], size_t K) {
  const Temporary<float> scales(s, K);
  losses[0] = losses[1] = total_loss(w, types, N, weights, gram, grid, scales.data(), K);
  if (!std::isfinite(losses[0]) || weights == 0 || F == 0 || K == 0) return;
  size_t rows = 0;
  for (size_t i = 0; i < weights; i++) rows += N[i];
  const Temporary<float> wide(rows * K), residual(rows * K), tried(factors, F);
  const Temporary<uint32_t> channels(channel_of, K);
  const Temporary<double> loss(losses, 1);
  State state{};
  state.grid = grid;
  state.rows = rows;
  state.K = K;
  state.w = wide.data();
  state.s = scales.data();
  state.residual = residual.data();
  state.channel_of = channels.data();
  state.factors = tried.data();
  state.F = static_cast<uint32_t>(F);
  state.loss = loss.data();
  for (size_t i = 0, first = 0; i < weights; first += N[i++]) convert(w[i], types[i], wide.data() + first * K, DType::F32, N[i] * K);
  simt::launch("errors under scales", first_residual, warps(rows * (K / grid.group)), kThreads, 0, state);
  descend(state, Channels(channel_of, K, grid.group), gram);
  losses[1] = total_loss(w, types, N, weights, gram, grid, scales.data(), K);
  if (losses[1] < losses[0]) scales.read(s);
  else losses[1] = losses[0];
}

}  // namespace salient
