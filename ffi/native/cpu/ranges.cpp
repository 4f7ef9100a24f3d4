// The search for the range of each group that hurts its row's output least: coordinate descent.
//
// With d a row's error w - Q(w) and G the Gram, moving group i's error to d_i changes the row's squared
// output error by d_i G_ii d_i^T + 2 d_i R^T, where R = sum over j != i of d_j G_ji is what the other
// groups put into the inputs of group i. R costs one product with G's columns for each visit of a group, as
// much for a sweep as measuring the error once; it serves all ranges that are tried.
// From a sample X, R = (X d - X_i d_i) X_i, and X d [tokens] is kept up to date.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "energy.h"
#include "group_grams.h"
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr float kNoBound = std::numeric_limits<float>::infinity();
constexpr size_t kBand = 96;    // rows of a piece
constexpr size_t kBatch = 240;  // errors measured together

struct Search {
  const Level& level;
  const Moment& moment;
  const float* grams;  // of the groups of a sample, or null
  const Grid& grid;
  const std::vector<float>& factors;
  uint32_t sweeps;
  size_t K;
};

// The rows of one piece.
class Band {
 public:
  Band(const Search& search, const void* w, DType type, size_t begin, size_t end)
      : search_(search), level_(search.level), rows_(end - begin), g_(search.grid.group), groups_(search.K / g_),
        room_(3 * Scratch::room_for<float>(rows_ * search.K) + Scratch::room_for<float>(rows_ * search.moment.rows) +
              Scratch::room_for<float>(rows_ * g_)) {
    const size_t K = search.K;
    w_ = room_.take<float>(rows_ * K);
    d_ = room_.take<float>(rows_ * K);
    if (search.moment.tokens) outputs_ = room_.take<float>(rows_ * search.moment.rows);
    across_ = room_.take<float>(rows_ * g_);
    level_.to_f32(at(w, type, begin * K), type, w_, rows_ * K);
    plain_.resize(rows_ * groups_);
    for (size_t n = 0; n < rows_; ++n) {
      for (size_t i = 0; i < groups_; ++i) {
        const float* group = w_ + n * K + i * g_;
        Range range{kNoBound, -kNoBound};
        for (size_t k = 0; k < g_; ++k) {
          if (group[k] < range.low) range.low = group[k];  // NaN is not looked at
          if (group[k] > range.high) range.high = group[k];
        }
        plain_[n * groups_ + i] = range;
        round(n, i, range, d_ + n * K + i * g_);
      }
    }
    ranges_ = plain_;
    if (search.moment.tokens) {
      std::fill(outputs_, outputs_ + rows_ * search.moment.rows, 0.0f);
      for (size_t i = 0; i < groups_; ++i) add_outputs(i, 1.0f);
    }
  }

  void search() {
    for (uint32_t sweep = 0; sweep < search_.sweeps; ++sweep) {
      bool changed = false;
      for (size_t i = 0; i < groups_; ++i) changed |= improve(i);
      if (!changed) break;
    }
  }

  // Returns how many groups are not on their plain range.
  uint64_t write(uint8_t* codes, float* scales, uint8_t* zeros) const {
    uint64_t clipped = 0;
    for (size_t place = 0; place < rows_ * groups_; ++place) {
      const Range& range = ranges_[place];
      clipped += range.low != plain_[place].low || range.high != plain_[place].high;
      float zero;
      fit(range, &scales[place], &zero);
      level_.codes(w_ + place * g_, g_, search_.grid, kNoBound, scales[place], zero, codes + place * g_);
      zeros[place] = static_cast<uint8_t>(zero);
    }
    return clipped;
  }

 private:
  struct Range {
    float low, high;
  };

  void fit(const Range& range, float* scale, float* zero) const {
    const float ends[2] = {range.low, range.high};
    level_.fit(ends, nullptr, 2, search_.grid, kNoBound, scale, zero);
  }

  // d [g] = w - Q(w) of row n's group i on a range.
  void round(size_t n, size_t i, const Range& range, float* d) const {
    float scale, zero;
    fit(range, &scale, &zero);
    level_.rounded(w_ + n * search_.K + i * g_, nullptr, g_, search_.grid, kNoBound, scale, zero, true, d);
  }

  // Tries all ranges of group i in every row; whether any was better.
  bool improve(size_t i) {
    if (search_.moment.tokens) add_outputs(i, -1.0f);
    find_across(i);
    std::vector<double> least(rows_);
    std::vector<char> changed(rows_, 0);
    const auto keep = [&](size_t n, size_t) { return ranges_[n * groups_ + i]; };
    attempt(i, 1, keep, [&](size_t n, double error, const Range&) { least[n] = error; });
    const auto better = [&](size_t n, double error, const Range& range) {
      if (!(error < least[n])) return;
      least[n] = error;
      ranges_[n * groups_ + i] = range;
      changed[n] = 1;
    };
    const std::vector<float>& factors = search_.factors;
    attempt(i, factors.size() - 1, [&](size_t n, size_t t) {
      const Range& plain = plain_[n * groups_ + i];
      const float bound = std::max(-plain.low, plain.high) * factors[t + 1];
      return Range{std::min(std::max(plain.low, -bound), bound), std::min(std::max(plain.high, -bound), bound)};
    }, better);
    if (!search_.grid.symmetric) {
      std::vector<Range> fixed(rows_);
      const auto hold = [&] {
        for (size_t n = 0; n < rows_; ++n) fixed[n] = ranges_[n * groups_ + i];
      };
      hold();
      attempt(i, factors.size(), [&](size_t n, size_t t) {
        const float high = std::max(plain_[n * groups_ + i].high, 0.0f) * factors[t];
        return Range{fixed[n].low, std::max(fixed[n].low, high)};
      }, better);
      hold();
      attempt(i, factors.size(), [&](size_t n, size_t t) {
        const float low = std::min(plain_[n * groups_ + i].low, 0.0f) * factors[t];
        return Range{std::min(fixed[n].high, low), fixed[n].high};
      }, better);
    }
    bool any = false;
    for (size_t n = 0; n < rows_; ++n) {
      if (!changed[n]) continue;
      any = true;
      round(n, i, ranges_[n * groups_ + i], d_ + n * search_.K + i * g_);
    }
    if (search_.moment.tokens) add_outputs(i, 1.0f);
    return any;
  }

  // Calls take(row, change of its error, range) for `count` ranges of every row, in order.
  template <class Make, class Take>
  void attempt(size_t i, size_t count, const Make& make, const Take& take) {
    if (count == 0) return;
    const size_t step = std::max<size_t>(1, kBatch / count);
    Scratch room(Scratch::room_for<float>(blocked_size(step * count, g_)) + Scratch::room_for<float>(g_) +
                 Scratch::room_for<double>(2 * step * count));
    float* blocked = room.take<float>(blocked_size(step * count, g_));
    float* d = room.take<float>(g_);
    double* squares = room.take<double>(step * count);
    double* across = room.take<double>(step * count);
    std::vector<Range> ranges(step * count);
    const bool own = search_.grams != nullptr;
    const Moment block{false, own ? search_.grams + i * g_ * g_ : nullptr, 0, 1.0};
    const MomentView view = own ? MomentView{&block, g_, 0, g_} : MomentView{&search_.moment, search_.K, i * g_, g_};
    const double weight = own ? 1.0 : search_.moment.weight;
    for (size_t first = 0; first < rows_; first += step) {
      const size_t rows = std::min(step, rows_ - first), tries = rows * count;
      for (size_t m = 0; m < tries; ++m) {
        const size_t n = first + m / count;
        ranges[m] = make(n, m % count);
        round(n, i, ranges[m], d);
        put_blocked(d, g_, m, tries, blocked);
        across[m] = level_.dot(d, across_ + n * g_, g_);
      }
      energies(blocked, tries, view, squares);
      for (size_t m = 0; m < tries; ++m) {
        take(first + m / count, squares[m] + 2.0 * weight * across[m], ranges[m]);
      }
    }
  }

  // across [rows, g] = R.
  void find_across(size_t i) {
    std::fill(across_, across_ + rows_ * g_, 0.0f);
    const bool tokens = search_.moment.tokens;
    if (groups_ == 1) return;
    const float* left = tokens ? outputs_ : d_;
    const size_t length = tokens ? search_.moment.rows : search_.K;
    Scratch room(Scratch::room_for<float>(rows_ * kStride) + Scratch::room_for<float>(right_size(level_, kDepth, kDepth)));
    float* part = room.take<float>(rows_ * kStride);
    float* right = room.take<float>(right_size(level_, kDepth, kDepth));
    for (size_t k = 0; k < length; k += kDepth) {
      const size_t depth = std::min(kDepth, length - k);
      for (size_t n = 0; n < rows_; ++n) {
        float* row = part + n * kStride;
        std::copy_n(left + n * length + k, depth, row);
        if (tokens) continue;
        // Not the group's own error.
        const size_t from = std::clamp(i * g_, k, k + depth), to = std::clamp((i + 1) * g_, k, k + depth);
        std::fill(row + (from - k), row + (to - k), 0.0f);
      }
      for (size_t c = 0; c < g_; c += kDepth) {
        const size_t columns = std::min(kDepth, g_ - c);
        right_of_columns(level_, search_.moment.data + k * search_.K + i * g_ + c, search_.K, depth, columns, 1.0f,
                         right);
        level_.product(part, rows_, right, columns, depth, across_ + c, g_, true);
      }
    }
  }

  // outputs [rows, tokens] += sign * d_i X_i^T.
  void add_outputs(size_t i, float sign) {
    const size_t tokens = search_.moment.rows;
    Scratch room(Scratch::room_for<float>(rows_ * kStride) +
                 Scratch::room_for<float>(right_size(level_, kDepth, kDepth)) +
                 Scratch::room_for<float>(level_.panel * kStride));
    float* part = room.take<float>(rows_ * kStride);
    float* right = room.take<float>(right_size(level_, kDepth, kDepth));
    float* buffer = room.take<float>(level_.panel * kStride);
    for (size_t k = 0; k < g_; k += kDepth) {
      const size_t depth = std::min(kDepth, g_ - k);
      for (size_t n = 0; n < rows_; ++n) {
        std::copy_n(d_ + n * search_.K + i * g_ + k, depth, part + n * kStride);
        level_.scale(part + n * kStride, depth, sign);
      }
      for (size_t t = 0; t < tokens; t += kDepth) {
        const size_t columns = std::min(kDepth, tokens - t);
        right_of_rows(level_, search_.moment.data + t * search_.K, DType::F32, search_.K, i * g_ + k, depth, columns,
                      false, buffer, right);
        level_.product(part, rows_, right, columns, depth, outputs_ + t, tokens, true);
      }
    }
  }

  const Search& search_;
  const Level& level_;
  const size_t rows_, g_, groups_;
  Scratch room_;
  float* w_;                  // [rows, K]
  float* d_;                  // [rows, K] w - Q(w)
  float* outputs_ = nullptr;  // [rows, tokens] X d, of a sample
  float* across_;             // [rows, g] R of the group at hand
  std::vector<Range> plain_, ranges_;  // [rows, groups]
};

}  // namespace

uint64_t search_ranges(const void* w, DType type, const Moment& moment, const Grid& grid, uint32_t steps,
                       float max_shrink, uint32_t sweeps, uint8_t* codes, float* scales, uint8_t* zeros, size_t N,
                       size_t K) {
  if (N == 0 || K == 0) return 0;
  const size_t g = grid.group, groups = K / g;
  const bool own_grams = wants_group_grams(moment, g, K);
  Scratch gram_room(Scratch::room_for<float>(own_grams ? groups * g * g : 0));
  float* grams = own_grams ? gram_room.take<float>(groups * g * g) : nullptr;
  if (own_grams) group_grams(moment, g, K, grams);
  std::vector<float> factors(std::max<uint32_t>(1, steps));
  for (size_t i = 0; i < factors.size(); ++i) {
    factors[i] = static_cast<float>(1.0 - static_cast<double>(i) * max_shrink / static_cast<double>(factors.size()));
  }
  const Search search{level(), moment, grams, grid, factors, sweeps, K};
  std::vector<uint64_t> clipped((N + kBand - 1) / kBand, 0);
  parallel_for(N, kBand, [&](size_t begin, size_t end) {
    Band band(search, w, type, begin, end);
    band.search();
    clipped[begin / kBand] = band.write(codes + begin * K, scales + begin * groups, zeros + begin * groups);
  });
  uint64_t total = 0;
  for (const uint64_t n : clipped) total += n;
  return total;
}

}  // namespace salient
