// Rounding columns one after the other, each against the errors of those before it.
#pragma once

namespace salient {
namespace {

// `count` vectors of rows at once, so that their sums do not wait for each other.
template <size_t count>
inline void compensate_lanes(const ColumnRun& run, size_t lane) {
  const V top = V::all(run.top);
  V loss[count], norm[count];
  for (size_t i = 0; i < count; ++i) loss[i] = norm[i] = V::zero();
  for (size_t c = 0; c < run.columns; ++c) {
    const size_t at = c * run.lanes + lane;
    V sum[count];
    for (size_t i = 0; i < count; ++i) sum[i] = V::load(run.sums + at + i * V::width);
    for (size_t k = 0; k < c; ++k) {
      const V factor = V::all(run.factor[k * kStride + c]);
      const float* d = run.d + k * run.lanes + lane;
      for (size_t i = 0; i < count; ++i) sum[i] = fma(V::load(d + i * V::width), factor, sum[i]);
    }
    const float pivot = run.factor[c * kStride + c];
    const V inverse = V::all(1.0f / pivot);
    const size_t group = run.groups[c] * run.lanes + lane;
    for (size_t i = 0; i < count; ++i) {
      const V w = V::load(run.w + at + i * V::width);
      const V scale = V::load(run.scales + group + i * V::width), zero = V::load(run.zeros + group + i * V::width);
      const V x = w + sum[i] * inverse;
      const V code = min(max(round_even(x / scale) + zero, V::zero()), top);
      code.store_u8(run.codes + at + i * V::width);
      const V d = w - (code - zero) * scale;
      d.store(run.d + at + i * V::width);
      const V error = fma(d, V::all(pivot), sum[i]);
      loss[i] = fma(error, error, loss[i]);
      norm[i] = fma(d, d, norm[i]);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    loss[i].store(run.loss + lane + i * V::width);
    norm[i].store(run.norm + lane + i * V::width);
  }
}

void compensate_columns(const ColumnRun& run) {
  constexpr size_t kAtOnce = 4;
  static_assert(kRunLanes % (kAtOnce * V::width) == 0);
  for (size_t lane = 0; lane < run.lanes; lane += kAtOnce * V::width) compensate_lanes<kAtOnce>(run, lane);
}

}  // namespace
}  // namespace salient
