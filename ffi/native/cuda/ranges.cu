// The search for the range of each group that hurts its row's output least: coordinate descent, all rows at once.
//
// With d a row's error w - Q(w) and G the Gram, moving group i's error to d_i changes the row's squared output error by
// d_i G_ii d_i^T + 2 d_i R^T, where R = sum over j != i of d_j G_ji is what the other groups put into the inputs of
// group i. From a sample X, R = (X d - X_i d_i) X_i, and X d [tokens] is kept up to date.
#include <cmath>

#include "energy.h"
#include "grid.h"
#include "search.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kErrors = size_t{32} << 20;

// What is tried: the range as it is; both ends clamped; the upper end; the lower end.
enum class Phase : uint32_t { Keep, Both, Upper, Lower };

// The state of a search: pointers to device memory.
struct Search {
  const void* w;
  DType type;
  Grid grid;
  size_t N, K;
  const float* factors;
  float* d;              // [N, K] w - Q(w)
  Range *plain, *ranges; // [N, groups]
  float* across;         // [N, g] R of the group at hand
  double* least;         // [N] of the group at hand
  uint32_t* changed;     // [N]
  uint32_t* any;         // whether any group changed in this sweep
};

// Tries of some rows: `count` for each.
struct Tries {
  float* d;        // [rows * count, g]
  double* dots;    // d R^T
  double* squares; // d G d^T
  Range* ranges;
};

__device__ __forceinline__ Range range_of_try(const Search& s, size_t place, Phase phase, uint32_t t) {
  const Range plain = s.plain[place], now = s.ranges[place];
  switch (phase) {
    case Phase::Keep: return now;
    case Phase::Both: {
      const float bound = fmaxf(-plain.low, plain.high) * s.factors[t + 1];
      return {clamped(plain.low, bound), clamped(plain.high, bound)};
    }
    case Phase::Upper: return {now.low, fmaxf(now.low, fmaxf(plain.high, 0.0f) * s.factors[t])};
    default: return {fminf(now.high, fminf(plain.low, 0.0f) * s.factors[t]), now.high};
  }
}

// The error of a group's weight i on a fitted range.
__device__ __forceinline__ float error_of(float value, const Fitted& fitted, float top) {
  return value - value_of(code_of(value, fitted, top), fitted);
}

__device__ __forceinline__ size_t this_warp() {
  return (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
}

// One warp for a group.
__global__ void plain_ranges(Search s) {
  const size_t group = this_warp();
  const uint32_t g = s.grid.group;
  if (group >= s.N * (s.K / g)) return;
  const auto at = [&](uint32_t i) { return load(s.w, s.type, group * g + i); };
  const Range range = warp_range(g, at);
  const Fitted fitted = fit(range, s.grid);
  const float top = top_code(s.grid);
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) s.d[group * g + i] = error_of(at(i), fitted, top);
  if (threadIdx.x % 32 == 0) s.plain[group] = s.ranges[group] = range;
}

// One warp for a try of a row from `first` on.
__global__ void try_ranges(Search s, Tries tries, size_t group, Phase phase, uint32_t count, size_t first, size_t rows) {
  const size_t m = this_warp();
  if (m >= rows * count) return;
  const uint32_t g = s.grid.group;
  const size_t n = first + m / count, groups = s.K / g;
  const Range range = range_of_try(s, n * groups + group, phase, static_cast<uint32_t>(m % count));
  const Fitted fitted = fit(range, s.grid);
  const float top = top_code(s.grid);
  double dot = 0;
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) {
    const float error = error_of(load(s.w, s.type, n * s.K + group * g + i), fitted, top);
    tries.d[m * g + i] = error;
    dot += static_cast<double>(error) * s.across[n * g + i];
  }
  dot = warp_sum(dot);
  if (threadIdx.x % 32 == 0) {
    tries.dots[m] = dot;
    tries.ranges[m] = range;
  }
}

// One thread for a row: takes the first of the best tries that is better than what the row has.
__global__ void choose_ranges(Search s, Tries tries, size_t group, Phase phase, uint32_t count, size_t first, size_t rows,
                              double weight) {
  const size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= rows) return;
  const size_t n = first + i, place = n * (s.K / s.grid.group) + group;
  if (phase == Phase::Keep) s.changed[n] = 0;
  for (size_t m = i * count; m < (i + 1) * count; m++) {
    const double error = tries.squares[m] + 2.0 * weight * tries.dots[m];
    if (phase == Phase::Keep) {
      s.least[n] = error;
    } else if (error < s.least[n]) {
      s.least[n] = error;
      s.ranges[place] = tries.ranges[m];
      s.changed[n] = 1;
      atomicOr(s.any, 1u);
    }
  }
}

// One warp for a row: the errors of a group that changed.
__global__ void round_chosen(Search s, size_t group) {
  const size_t n = this_warp();
  if (n >= s.N || s.changed[n] == 0) return;
  const uint32_t g = s.grid.group;
  const Fitted fitted = fit(s.ranges[n * (s.K / g) + group], s.grid);
  const float top = top_code(s.grid);
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) {
    const size_t at = n * s.K + group * g + i;
    s.d[at] = error_of(load(s.w, s.type, at), fitted, top);
  }
}

// One warp for a group.
__global__ void write_codes(Search s, uint8_t* codes, float* scales, uint8_t* zeros, unsigned long long* clipped) {
  const size_t group = this_warp();
  const uint32_t g = s.grid.group;
  if (group >= s.N * (s.K / g)) return;
  const Range range = s.ranges[group], plain = s.plain[group];
  const Fitted fitted = fit(range, s.grid);
  const float top = top_code(s.grid);
  for (uint32_t i = threadIdx.x % 32; i < g; i += 32) {
    codes[group * g + i] = static_cast<uint8_t>(code_of(load(s.w, s.type, group * g + i), fitted, top));
  }
  if (threadIdx.x % 32 == 0) {
    scales[group] = fitted.scale;
    zeros[group] = static_cast<uint8_t>(fitted.zero);
    if (range.low != plain.low || range.high != plain.high) atomicAdd(clipped, 1ull);
  }
}

class Descent {
 public:
  Descent(const Search& search, const Moment& moment, uint32_t factors)
      : s_(search), moment_(moment), factors_(factors), g_(search.grid.group), groups_(search.K / g_),
        step_(std::clamp<size_t>(kErrors / g_ / factors, 1, search.N)), group_moments_(moment, g_, search.K),
        d_(search.N * search.K), outputs_(moment.tokens ? search.N * moment.rows : 0), across_(search.N * g_),
        tried_(step_ * factors * g_), dots_(step_ * factors), squares_(step_ * factors), least_(search.N),
        plain_(search.N * groups_), ranges_(search.N * groups_), tried_ranges_(step_ * factors), changed_(search.N), any_(1) {
    s_.d = d_.data();
    s_.plain = plain_.data();
    s_.ranges = ranges_.data();
    s_.across = across_.data();
    s_.least = least_.data();
    s_.changed = changed_.data();
    s_.any = any_.data();
    tries_ = {tried_.data(), dots_.data(), squares_.data(), tried_ranges_.data()};
    simt::launch("plain ranges", plain_ranges, warps(s_.N * groups_), kThreads, 0, s_);
    if (moment.tokens) product({s_.d, s_.K}, Stored::Rows, {moment.data, s_.K}, Stored::Rows, {outputs_.data(), moment.rows}, s_.N, moment.rows, s_.K);
  }

  // Visits all groups; whether any range changed.
  bool sweep() {
    any_.clear();
    for (size_t i = 0; i < groups_; i++) improve(i);
    uint32_t any = 0;
    any_.read(&any);
    return any != 0;
  }

  uint64_t write(uint8_t* codes, float* scales, uint8_t* zeros) {
    Temporary<unsigned long long> clipped(1);
    clipped.clear();
    simt::launch("searched ranges", write_codes, warps(s_.N * groups_), kThreads, 0, s_, codes, scales, zeros, clipped.data());
    unsigned long long found = 0;
    clipped.read(&found);
    return found;
  }

 private:
  static unsigned warps(size_t count) { return simt::blocks(count, kThreads / 32); }

  void improve(size_t i) {
    if (moment_.tokens) add_outputs(i, -1.0f);
    find_across(i);
    attempt(i, Phase::Keep, 1);
    attempt(i, Phase::Both, factors_ - 1);
    if (!s_.grid.symmetric) {
      attempt(i, Phase::Upper, factors_);
      attempt(i, Phase::Lower, factors_);
    }
    simt::launch("chosen ranges", round_chosen, warps(s_.N), kThreads, 0, s_, i);
    if (moment_.tokens) add_outputs(i, 1.0f);
  }

  void attempt(size_t i, Phase phase, uint32_t count) {
    if (count == 0) return;
    const MomentPart part = group_moments_.part(i);
    for (size_t n = 0; n < s_.N; n += step_) {
      const size_t rows = std::min(step_, s_.N - n), all = rows * count;
      simt::launch("ranges", try_ranges, warps(all), kThreads, 0, s_, tries_, i, phase, count, n, rows);
      energies(tries_.d, g_, 0, all, g_, part, tries_.squares);
      simt::launch("best ranges", choose_ranges, simt::blocks(rows, kThreads), kThreads, 0, s_, tries_, i, phase, count, n, rows,
                   part.weight);
    }
  }

  void find_across(size_t i) {
    if (groups_ == 1) {
      across_.clear();
      return;
    }
    const size_t N = s_.N, K = s_.K, begin = i * g_, end = begin + g_;
    if (moment_.tokens) {
      product({outputs_.data(), moment_.rows}, Stored::Rows, {moment_.data + begin, K}, Stored::Columns, {s_.across, g_}, N, g_,
              moment_.rows);
      return;
    }
    // Not the group's own error. G is symmetric: its rows are its columns.
    const float* rows = moment_.data + begin * K;
    product({s_.d, K}, Stored::Rows, {rows, K}, Stored::Rows, {s_.across, g_}, N, g_, begin);
    product({s_.d + end, K}, Stored::Rows, {rows + end, K}, Stored::Rows, {s_.across, g_, 0, true}, N, g_, K - end);
  }

  // outputs [N, tokens] += sign * d_i X_i^T.
  void add_outputs(size_t i, float sign) {
    product({s_.d + i * g_, s_.K}, Stored::Rows, {moment_.data + i * g_, s_.K}, Stored::Rows,
            {outputs_.data(), moment_.rows, 0, true, sign}, s_.N, moment_.rows, g_);
  }

  Search s_;
  const Moment moment_;
  const uint32_t factors_;
  const size_t g_, groups_, step_;
  const GroupMoments group_moments_;
  const Temporary<float> d_, outputs_;
  Temporary<float> across_;
  const Temporary<float> tried_;
  const Temporary<double> dots_, squares_, least_;
  const Temporary<Range> plain_, ranges_, tried_ranges_;
  const Temporary<uint32_t> changed_;
  Temporary<uint32_t> any_;
  Tries tries_{};
};

}  // namespace

uint64_t search_ranges(const void* w, DType type, const Moment& moment, const Grid& grid, uint32_t steps, float max_shrink,
                       uint32_t sweeps, uint8_t* codes, float* scales, uint8_t* zeros, size_t N, size_t K) {
  if (N == 0 || K == 0) return 0;
  const std::vector<float> shrunk = shrink_factors(steps, max_shrink);
  const Temporary<float> factors(shrunk.data(), shrunk.size());
  Search search{};
  search.w = w;
  search.type = type;
  search.grid = grid;
  search.N = N;
  search.K = K;
  search.factors = factors.data();
  Descent descent(search, moment, static_cast<uint32_t>(shrunk.size()));
  for (uint32_t sweep = 0; sweep < sweeps && descent.sweep(); sweep++) continue;
  return descent.write(codes, scales, zeros);
}

}  // namespace salient
