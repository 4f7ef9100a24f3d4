// Coordinate descent on the scales s, for the sum over weights of trace(D G D^T), D = w - Q(w s) / s.
//
// Changing s of some inputs changes D only in their groups, by E. The loss then changes by
// 2 E . P + E G E^T with P = D G. Only the columns of P in those groups are needed, and they serve all
// channels of the same groups, so one sweep costs about one product D G. In most rows the changed inputs
// are not at the end of their group's range: its grid stays, E has as few entries as inputs changed, and
// the last term needs no product.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "energy.h"
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr float kNoBound = std::numeric_limits<float>::infinity();
constexpr size_t kBand = 120;    // rows of a piece
constexpr size_t kBatch = 240;   // rows of E measured together
constexpr double kMargin = 1e-7; // of the loss: less is not worth a change, and may be rounding

class Refiner {
 public:
  Refiner(const void* const* w, const DType* types, const size_t* N, size_t weights, const float* gram,
          const Grid& grid, const float* factors, size_t F, float* s, size_t K)
      : level_(level()), w_(w), types_(types), gram_(gram), grid_(grid), factors_(factors), F_(F), s_(s), K_(K) {
    for (size_t i = 0; i < weights; ++i) {
      first_.push_back(rows_);
      rows_ += N[i];
    }
    residual_.resize(rows_ * K);
    parallel_for(rows_, kBand, [&](size_t begin, size_t end) {
      std::vector<float> buffer(K_);
      for (size_t n = begin; n < end; ++n) {
        const float* row = weight_row(n, buffer.data());
        for (size_t k = 0; k < K_; k += grid_.group) {
          float scale, zero;
          level_.fit(row + k, s_ + k, grid_.group, grid_, kNoBound, &scale, &zero);
          level_.rounded(row + k, s_ + k, grid_.group, grid_, kNoBound, scale, zero, true, &residual_[n * K_ + k]);
        }
      }
    });
  }

  // Tries the factors on the inputs `ks` (ascending); returns the change of the loss, at most 0.
  double improve(const std::vector<size_t>& ks, double loss) {
    touch(ks);
    const size_t bands = (rows_ + kBand - 1) / kBand;
    changes_.assign(bands * F_, 0.0);
    parallel_for(rows_, kBand, [&](size_t begin, size_t end) { measure(begin, end, &changes_[begin / kBand * F_]); });
    double best = -kMargin * loss;
    size_t chosen = F_;
    for (size_t f = 0; f < F_; ++f) {
      double change = 0;
      for (size_t b = 0; b < bands; ++b) change += changes_[b * F_ + f];
      if (change < best) {
        best = change;
        chosen = f;
      }
    }
    if (chosen == F_) return 0;
    parallel_for(rows_, kBand, [&](size_t begin, size_t end) { apply(begin, end, chosen); });
    for (const size_t k : ks) s_[k] *= factors_[chosen];
    for (size_t i = 0; i < inputs_.size(); ++i) now_[inputs_[i]] = tried_[chosen * width_ + inputs_[i]];
    return best;
  }

 private:
  const float* weight_row(size_t n, float* buffer) const {
    size_t i = first_.size() - 1;
    while (first_[i] > n) --i;
    return row_f32(level_, w_[i], types_[i], n - first_[i], K_, buffer);
  }

  // Makes the groups of ks the touched ones: what follows stands in their columns, side by side.
  void touch(const std::vector<size_t>& ks) {
    const size_t g = grid_.group;
    std::vector<size_t> groups;
    for (const size_t k : ks) {
      if (groups.empty() || groups.back() != k / g) groups.push_back(k / g);
    }
    inputs_.clear();
    for (const size_t k : ks) {
      const size_t slot = static_cast<size_t>(std::lower_bound(groups.begin(), groups.end(), k / g) - groups.begin());
      inputs_.push_back(slot * g + k % g);
    }
    if (groups != groups_) {
      groups_ = std::move(groups);
      load_groups();
    }
    tried_.resize(F_ * width_);
    for (size_t f = 0; f < F_; ++f) {
      std::copy(now_.begin(), now_.end(), tried_.begin() + static_cast<std::ptrdiff_t>(f * width_));
      for (const size_t i : inputs_) tried_[f * width_ + i] *= factors_[f];
    }
  }

  void load_groups() {
    const size_t g = grid_.group, count = groups_.size();
    width_ = count * g;
    now_.resize(width_);
    block_.resize(width_ * width_);
    weight_.resize(rows_ * width_);
    products_.assign(rows_ * width_, 0.0f);
    scales_.resize(rows_ * count);
    zeros_.resize(rows_ * count);
    for (size_t a = 0; a < count; ++a) {
      std::copy_n(s_ + groups_[a] * g, g, &now_[a * g]);
      for (size_t i = 0; i < g; ++i) {
        for (size_t b = 0; b < count; ++b) {
          std::copy_n(gram_ + (groups_[a] * g + i) * K_ + groups_[b] * g, g, &block_[(a * g + i) * width_ + b * g]);
        }
      }
    }
    parallel_for(rows_, 2 * kBand, [&](size_t begin, size_t end) {
      const size_t rows = end - begin;
      Scratch room(Scratch::room_for<float>(rows * kStride) + Scratch::room_for<float>(K_) +
                   Scratch::room_for<float>(right_size(level_, kDepth, kDepth)));
      float* left = room.take<float>(rows * kStride);
      float* buffer = room.take<float>(K_);
      float* right = room.take<float>(right_size(level_, kDepth, kDepth));
      for (size_t n = begin; n < end; ++n) {
        const float* row = weight_row(n, buffer);
        for (size_t a = 0; a < count; ++a) {
          std::copy_n(row + groups_[a] * g, g, &weight_[n * width_ + a * g]);
          level_.fit(row + groups_[a] * g, &now_[a * g], g, grid_, kNoBound, &scales_[n * count + a],
                     &zeros_[n * count + a]);
        }
      }
      // products [rows, width] = D G[:, touched]
      for (size_t k = 0; k < K_; k += kDepth) {
        const size_t depth = std::min(kDepth, K_ - k);
        for (size_t n = begin; n < end; ++n) std::copy_n(&residual_[n * K_ + k], depth, left + (n - begin) * kStride);
        for (size_t a = 0; a < count; ++a) {
          for (size_t c = 0; c < g; c += kDepth) {
            const size_t columns = std::min(kDepth, g - c);
            right_of_columns(level_, gram_ + k * K_ + groups_[a] * g + c, K_, depth, columns, 1.0f, right);
            level_.product(left, rows, right, columns, depth, &products_[begin * width_ + a * g + c], width_, true);
          }
        }
      }
    });
  }

  // E of row n under factor f. Either sparse: entries [inputs] at inputs_, or dense: e [width]; says which.
  bool change_of_row(size_t n, size_t f, float* entries, float* e) const {
    const size_t g = grid_.group, count = groups_.size();
    const float* s = &tried_[f * width_];
    const float* w = &weight_[n * width_];
    bool dense = false;
    size_t i = 0;
    for (size_t a = 0; a < count; ++a) {
      const float* before = &residual_[n * K_ + groups_[a] * g];
      float scale, zero;
      level_.fit(w + a * g, s + a * g, g, grid_, kNoBound, &scale, &zero);
      const bool same = scale == scales_[n * count + a] && zero == zeros_[n * count + a];
      if (!same) {
        if (!dense) std::fill(e, e + width_, 0.0f);
        for (size_t j = 0; j < i && !dense; ++j) e[inputs_[j]] = entries[j];
        dense = true;
        level_.rounded(w + a * g, s + a * g, g, grid_, kNoBound, scale, zero, true, e + a * g);
        for (size_t j = 0; j < g; ++j) e[a * g + j] -= before[j];
      }
      for (; i < inputs_.size() && inputs_[i] < (a + 1) * g; ++i) {
        if (!same) continue;
        const size_t at = inputs_[i];
        level_.rounded(w + at, s + at, 1, grid_, kNoBound, scale, zero, true, &entries[i]);
        entries[i] -= before[at - a * g];
        if (dense) e[at] = entries[i];
      }
    }
    return dense;
  }

  // changes[f] += the change of the loss of rows begin to end under each factor.
  void measure(size_t begin, size_t end, double* changes) const {
    Scratch room(Scratch::room_for<float>(kBatch * width_) + Scratch::room_for<float>(blocked_size(kBatch, width_)) +
                 Scratch::room_for<double>(kBatch) + Scratch::room_for<float>(inputs_.size()));
    float* batch = room.take<float>(kBatch * width_);
    float* blocked = room.take<float>(blocked_size(kBatch, width_));
    double* squares = room.take<double>(kBatch);
    float* entries = room.take<float>(inputs_.size());
    size_t factor_of[kBatch];
    size_t waiting = 0;
    const Moment block{false, block_.data(), 0, 1.0};
    const auto flush = [&] {
      for (size_t m = 0; m < waiting; ++m) put_blocked(batch + m * width_, width_, m, waiting, blocked);
      energies(blocked, waiting, MomentView{&block, width_, 0, width_}, squares);
      for (size_t m = 0; m < waiting; ++m) changes[factor_of[m]] += squares[m];
      waiting = 0;
    };
    for (size_t n = begin; n < end; ++n) {
      const float* p = &products_[n * width_];
      for (size_t f = 0; f < F_; ++f) {
        if (factors_[f] == 1.0f) continue;
        float* e = batch + waiting * width_;
        if (change_of_row(n, f, entries, e)) {
          changes[f] += 2.0 * level_.dot(e, p, width_);
          factor_of[waiting++] = f;
          if (waiting == kBatch) flush();
          continue;
        }
        double change = 0;
        for (size_t i = 0; i < inputs_.size(); ++i) {
          const double entry = entries[i];
          if (entry == 0) continue;
          const float* g = &block_[inputs_[i] * width_];
          double across = 2.0 * static_cast<double>(p[inputs_[i]]);
          for (size_t j = 0; j < inputs_.size(); ++j) across += static_cast<double>(g[inputs_[j]]) * entries[j];
          change += entry * across;
        }
        changes[f] += change;
      }
    }
    if (waiting > 0) flush();
  }

  // Moves rows begin to end to factor f: their residuals, grids and products.
  void apply(size_t begin, size_t end, size_t f) {
    const size_t g = grid_.group, count = groups_.size();
    std::vector<float> e(width_), entries(inputs_.size());
    for (size_t n = begin; n < end; ++n) {
      if (!change_of_row(n, f, entries.data(), e.data())) {
        std::fill(e.begin(), e.end(), 0.0f);
        for (size_t i = 0; i < inputs_.size(); ++i) e[inputs_[i]] = entries[i];
      }
      for (size_t i = 0; i < width_; ++i) {
        if (e[i] == 0.0f) continue;
        residual_[n * K_ + groups_[i / g] * g + i % g] += e[i];
        level_.axpy(e[i], &block_[i * width_], &products_[n * width_], width_);
      }
      for (size_t a = 0; a < count; ++a) {
        level_.fit(&weight_[n * width_ + a * g], &tried_[f * width_ + a * g], g, grid_, kNoBound,
                   &scales_[n * count + a], &zeros_[n * count + a]);
      }
    }
  }

  const Level& level_;
  const void* const* w_;
  const DType* types_;
  const float* gram_;
  const Grid& grid_;
  const float* factors_;
  const size_t F_;
  float* s_;
  const size_t K_;
  size_t rows_ = 0;
  std::vector<size_t> first_;    // first row of each weight
  std::vector<float> residual_;  // D [rows, K]
  std::vector<size_t> groups_;   // touched, ascending
  std::vector<size_t> inputs_;   // the changed inputs' places among the touched columns
  size_t width_ = 0;             // touched columns
  std::vector<float> now_;       // s there
  std::vector<float> tried_;     // s there under each factor [F, width]
  std::vector<float> block_;     // G there [width, width]
  std::vector<float> weight_;    // w there [rows, width]
  std::vector<float> products_;  // P there [rows, width]
  std::vector<float> scales_, zeros_;  // of the touched groups [rows, groups]
  std::vector<double> changes_;        // [bands, F]
};

double total_loss(const void* const* w, const DType* types, const size_t* N, size_t weights, const float* gram,
                  const Grid& grid, const float* s, size_t K) {
  double total = 0;
  for (size_t i = 0; i < weights; ++i) {
    double loss;
    scale_losses(w[i], types[i], Moment{false, gram, 0, 1.0}, grid, s, 1, &loss, N[i], K);
    total += loss;
  }
  return total;
}

}  // namespace

void refine_scales(const void* const* w, const DType* types, const size_t* N, size_t weights, const float* gram,
                   const Grid& grid, const float* factors, size_t F, const uint32_t* channel_of, float* s,
                   double losses[2], size_t K) {
  losses[0] = losses[1] = total_loss(w, types, N, weights, gram, grid, s, K);
  if (!std::isfinite(losses[0]) || weights == 0 || F == 0 || K == 0) return;
  const std::vector<float> before(s, s + K);
  {
    Refiner refiner(w, types, N, weights, gram, grid, factors, F, s, K);
    std::vector<size_t> order(K);
    for (size_t k = 0; k < K; ++k) order[k] = k;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return channel_of[a] < channel_of[b]; });
    double loss = losses[0];
    for (size_t i = 0; i < K;) {
      std::vector<size_t> ks;
      const uint32_t channel = channel_of[order[i]];
      while (i < K && channel_of[order[i]] == channel) ks.push_back(order[i++]);
      loss += refiner.improve(ks, loss);
    }
  }
  losses[1] = total_loss(w, types, N, weights, gram, grid, s, K);
  if (!(losses[1] < losses[0])) {
    std::copy(before.begin(), before.end(), s);
    losses[1] = losses[0];
  }
}

}  // namespace salient
