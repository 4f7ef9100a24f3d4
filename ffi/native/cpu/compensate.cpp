// GPTQ's column loop: every column is rounded, and the columns after it make up for its error.
//
// With d = w - q and H = R R^T (factor.h), what the errors of the columns before c ask of column c is
// (sum over k < c of d_k R_kc) / R_cc. That is the published update with its sums taken in another order: nothing is
// subtracted from the columns to come, a column gathers what it needs when it is reached, so the large part
// is a product of finished d with R. A band of rows is one thread's from its first column to its last.
#include <atomic>
#include <cmath>
#include <limits>

#include "factor.h"
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

constexpr size_t kRun = 32;  // columns that are rounded between two products
static_assert(kCompensatedGroup % kDepth == 0);

struct Job {
  const void* w;
  DType type;
  const Factor& factor;
  const Grid& grid;
  bool fit_here, dynamic;  // dynamic: groups are fitted when they are reached
  const float* inverses;   // dynamic: [groups][g][g] inverses of the groups' own triangles
  uint8_t* codes;
  float* scales;
  uint8_t* zeros;
  double* losses;  // [N]
};

class Band {
 public:
  Band(const Level& level, const Job& job, size_t begin, size_t end)
      : level_(level), job_(job), f_(job.factor), begin_(begin), rows_(end - begin), K_(f_.K),
        lanes_(round_up(rows_, kRunLanes)), g_(job.grid.group), groups_(K_ / g_),
        blocked_(f_.blocks() * rows_ * kStride), room_(bytes()) {
    x_ = room_.take<float>(blocked_);
    sums_ = room_.take<float>(rows_ * kStride);
    row_ = room_.take<float>(2 * K_);
    for (float** run : {&w_, &before_, &d_}) {
      *run = room_.take<float>(kRun * lanes_);
      std::fill(*run, *run + kRun * lanes_, 0.0f);  // lanes beyond the rows stay 0
    }
    for (float** grids : {&lane_scales_, &lane_zeros_}) {
      *grids = room_.take<float>(groups_ * lanes_);
      std::fill(*grids, *grids + groups_ * lanes_, 1.0f);
    }
    loss_ = room_.take<float>(lanes_);
    norm_ = room_.take<float>(lanes_);
    loss_sums_ = room_.take<double>(lanes_);
    std::fill(loss_sums_, loss_sums_ + lanes_, 0.0);
    right_ = room_.take<float>(right_size(level_, kDepth, kDepth));
    run_codes_ = room_.take<uint8_t>(kRun * lanes_);
    codes_ = room_.take<uint8_t>(rows_ * K_);
  }

  // false if a weight is NaN or infinite.
  bool compensate() {
    for (size_t r = 0; r < rows_; ++r) {
      if (!load(r)) return false;
    }
    for (size_t b = 0; b < f_.blocks(); ++b) round_block(b);
    for (size_t r = 0; r < rows_; ++r) {
      uint8_t* out = job_.codes + (begin_ + r) * K_;
      for (size_t p = 0; p < K_; ++p) out[f_.order[p]] = codes_[r * K_ + p];
      job_.losses[begin_ + r] = loss_sums_[r];
    }
    return true;
  }

 private:
  size_t bytes() const {
    return Scratch::room_for<float>(blocked_) + Scratch::room_for<float>(rows_ * kStride) +
           Scratch::room_for<float>(2 * K_) + 3 * Scratch::room_for<float>(kRun * lanes_) +
           2 * Scratch::room_for<float>(groups_ * lanes_) + 2 * Scratch::room_for<float>(lanes_) +
           Scratch::room_for<double>(lanes_) + Scratch::room_for<float>(right_size(level_, kDepth, kDepth)) +
           Scratch::room_for<uint8_t>(kRun * lanes_) + Scratch::room_for<uint8_t>(rows_ * K_);
  }

  // Row r, without what no token uses, in the factor's order.
  bool load(size_t r) {
    const float* source = row_f32(level_, job_.w, job_.type, begin_ + r, K_, row_);
    float* row = row_ + K_;
    uint32_t top = 0;
    for (size_t k = 0; k < K_; ++k) {
      uint32_t bits;
      std::memcpy(&bits, source + k, 4);
      top = std::max(top, bits & 0x7fffffffu);
      row[k] = f_.dead[k] ? 0.0f : source[k];
    }
    if (top >= 0x7f800000u) return false;
    for (size_t i = 0; i < groups_ && !job_.dynamic; ++i) set_grid(r, i, job_.fit_here ? row + i * g_ : nullptr);
    for (size_t p = 0; p < K_; ++p) x_[(p / kDepth * rows_ + r) * kStride + p % kDepth] = row[f_.order[p]];
    return true;
  }

  // The grid of a group of row r: fitted to `values`, or as it was given.
  void set_grid(size_t r, size_t group, const float* values) {
    const size_t place = (begin_ + r) * groups_ + group;
    float zero = static_cast<float>(job_.zeros[place]);
    if (values != nullptr) {
      level_.fit(values, nullptr, g_, job_.grid, std::numeric_limits<float>::infinity(), &job_.scales[place], &zero);
      job_.zeros[place] = static_cast<uint8_t>(zero);
    }
    lane_scales_[group * lanes_ + r] = job_.scales[place];
    lane_zeros_[group * lanes_ + r] = zero;
  }

  void round_block(size_t b) {
    const size_t columns = f_.width(b), first = b * kDepth;
    if (b == 0) std::fill(sums_, sums_ + rows_ * kStride, 0.0f);
    for (size_t m = 0; m < b; ++m) {
      right_of_columns(level_, f_.block(b) + m * kDepth * kStride, kStride, kDepth, columns, 1.0f, right_);
      level_.product(x_ + m * rows_ * kStride, rows_, right_, columns, kDepth, sums_, kStride, m > 0);
    }
    float* x = x_ + b * rows_ * kStride;
    for (size_t s = 0; s < columns;) {
      const bool starts = job_.dynamic && (first + s) % g_ == 0;
      if (starts) fit_group(first + s, x + s);
      const size_t width = std::min({kRun, columns - s, job_.dynamic ? g_ - (first + s) % g_ : kRun});
      round_run(first + s, width, x + s);
      const size_t next = s + width;
      if (next < columns) {
        const float* factor = f_.block(b) + (first + s) * kStride + next;
        right_of_columns(level_, factor, kStride, width, columns - next, 1.0f, right_);
        level_.product(x + s, rows_, right_, columns - next, width, sums_ + next, kStride, true);
      }
      s = next;
    }
  }

  // Fits the group whose first column is p to its weights as they stand: the published update would have left
  // w + (sums so far) U there, U being the inverse of the group's own triangle of R.
  void fit_group(size_t p, const float* x) {
    Scratch room(Scratch::room_for<float>(rows_ * kStride));
    float* current = room.take<float>(rows_ * kStride);
    for (size_t r = 0; r < rows_; ++r) std::memcpy(current + r * kStride, x + r * kStride, g_ * sizeof(float));
    right_of_rows_stored(job_.inverses + p / g_ * g_ * g_);
    level_.product(sums_ + p % kDepth, rows_, right_, g_, g_, current, kStride, true);
    const size_t group = f_.order[p] / g_;
    for (size_t r = 0; r < rows_; ++r) set_grid(r, group, current + r * kStride);
  }

  // Right side from the transposed inverse [g][g].
  void right_of_rows_stored(const float* inverse) {
    Scratch room(Scratch::room_for<float>(level_.panel * kStride));
    float* buffer = room.take<float>(level_.panel * kStride);
    right_of_rows(level_, inverse, DType::F32, g_, 0, g_, g_, false, buffer, right_);
  }

  // Rounds columns p to p + width - 1; x [rows][kStride] holds their weights and receives d.
  void round_run(size_t p, size_t width, float* x) {
    uint32_t group[kRun];
    for (size_t c = 0; c < width; ++c) group[c] = f_.order[p + c] / static_cast<uint32_t>(g_);
    const auto words = [](float* values) { return reinterpret_cast<uint32_t*>(values); };
    level_.transpose(words(x), kStride, rows_, width, words(w_), lanes_);
    level_.transpose(words(sums_ + p % kDepth), kStride, rows_, width, words(before_), lanes_);
    const float* factor = f_.block(p / kDepth) + p * kStride + p % kDepth;
    const float top = static_cast<float>((1u << job_.grid.bits) - 1);
    level_.compensate_columns({width, lanes_, w_, before_, factor, group, lane_scales_, lane_zeros_, top, d_, run_codes_,
                               loss_, norm_});
    level_.transpose(words(d_), lanes_, width, rows_, words(x), kStride);
    for (size_t r = 0; r < rows_; ++r) {
      for (size_t c = 0; c < width; ++c) codes_[r * K_ + p + c] = run_codes_[c * lanes_ + r];
      loss_sums_[r] += static_cast<double>(loss_[r]) - f_.added * static_cast<double>(norm_[r]);
    }
  }

  const Level& level_;
  const Job& job_;
  const Factor& f_;
  const size_t begin_, rows_, K_, lanes_, g_, groups_, blocked_;
  Scratch room_;
  float* x_;     // [blocks][rows][kStride]: weights in the factor's order, then d
  float* sums_;  // [rows][kStride]: d R of the block at hand, over the columns that are done
  float* row_;   // [2][K]
  float *w_, *before_, *d_;  // [kRun][lanes] of the run at hand
  float *lane_scales_, *lane_zeros_;  // [groups][lanes]
  float *loss_, *norm_;               // [lanes]
  double* loss_sums_;                 // [lanes]
  float* right_;
  uint8_t* run_codes_;  // [kRun][lanes]
  uint8_t* codes_;      // [rows][K] in the factor's order
};

}  // namespace

double compensate(const void* w, DType type, const Factor& factor, const Grid& grid, bool dynamic,
                  const float* given_scales, const uint8_t* given_zeros, uint8_t* codes, float* scales,
                  uint8_t* zeros, size_t N) {
  const Level& level = salient::level();
  const size_t K = factor.K, g = grid.group, groups = K / g;
  const bool fit_here = given_scales == nullptr;
  dynamic = dynamic && fit_here && groups > 1;  // a whole row is reached at its first column
  if (!fit_here) {
    std::memcpy(scales, given_scales, N * groups * sizeof(float));
    std::memcpy(zeros, given_zeros, N * groups);
  }
  const size_t inverse_words = dynamic ? K * g : 0;
  Scratch room(Scratch::room_for<double>(N) + Scratch::room_for<float>(inverse_words));
  double* losses = room.take<double>(N);
  float* inverses = room.take<float>(inverse_words);
  if (dynamic) {
    parallel_for(groups, 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        const size_t p = i * g;
        const float* triangle = factor.block(p / kDepth) + p * kStride + p % kDepth;
        invert_triangle(level, triangle, kStride, g, inverses + p * g, g);
      }
    });
  }
  const Job job{w, type, factor, grid, fit_here, dynamic, inverses, codes, scales, zeros, losses};
  // Eight bands or more where the rows allow it; large ones, since each packs the whole factor for itself.
  const size_t height = std::min<size_t>(480, std::max<size_t>(48, round_up((N + 7) / 8, 48)));
  std::atomic<bool> finite{true};
  parallel_for(N, height, [&](size_t begin, size_t end) {
    Band band(level, job, begin, end);
    if (!band.compensate()) finite = false;
  });
  if (!finite) return std::numeric_limits<double>::quiet_NaN();
  double total = 0;
  for (size_t n = 0; n < N; ++n) total += losses[n];
  return total;
}

}  // namespace salient
