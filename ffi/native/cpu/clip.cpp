// The search for the bound of each group that hurts its output least.
#include <cmath>
#include <limits>
#include <vector>

#include "energy.h"
#include "group_grams.h"
#include "panels.h"
#include "scratch.h"

namespace salient {

uint64_t clip_search(const void* w, DType type, const Moment& moment, const Grid& grid, uint32_t steps,
                     float max_shrink, float* bounds, size_t N, size_t K) {
  if (N == 0 || K == 0) return 0;
  const Level& level = salient::level();
  const size_t g = grid.group, groups = K / g, tries = std::max<size_t>(1, steps);
  const bool own_grams = wants_group_grams(moment, g, K);
  Scratch gram_room(Scratch::room_for<float>(own_grams ? groups * g * g : 0));
  float* grams = gram_room.take<float>(own_grams ? groups * g * g : 0);
  if (own_grams) group_grams(moment, g, K, grams);

  std::vector<float> factors(tries);
  for (size_t i = 0; i < tries; ++i) {
    factors[i] = static_cast<float>(1.0 - static_cast<double>(i) * max_shrink / static_cast<double>(tries));
  }
  // Each bound of each row is one row of a product with the group's block of the Gram.
  const size_t band = std::max<size_t>(1, 240 / tries);
  std::vector<uint64_t> clipped((N + band - 1) / band, 0);
  parallel_for(N, band, [&](size_t begin, size_t end) {
    const size_t count = (end - begin) * tries;
    Scratch room(Scratch::room_for<float>((end - begin) * K) + Scratch::room_for<float>(g) +
                 Scratch::room_for<float>(blocked_size(count, g)) + Scratch::room_for<double>(count));
    float* rows = room.take<float>((end - begin) * K);
    float* d = room.take<float>(g);
    float* blocked = room.take<float>(blocked_size(count, g));
    double* errors = room.take<double>(count);
    level.to_f32(at(w, type, begin * K), type, rows, (end - begin) * K);
    for (size_t i = 0; i < groups; ++i) {
      for (size_t n = begin; n < end; ++n) {
        const float* group = rows + (n - begin) * K + i * g;
        const float amax = level.largest_magnitude(group, g);
        bounds[n * groups + i] = amax;
        for (size_t t = 0; t < tries; ++t) {
          const float bound = amax * factors[t];
          float scale, zero;
          level.fit(group, nullptr, g, grid, bound, &scale, &zero);
          level.rounded(group, nullptr, g, grid, bound, scale, zero, true, d);
          put_blocked(d, g, (n - begin) * tries + t, count, blocked);
        }
      }
      const Moment block{false, grams + i * g * g, 0, 1.0};
      energies(blocked, count, own_grams ? MomentView{&block, g, 0, g} : MomentView{&moment, K, i * g, g}, errors);
      for (size_t n = begin; n < end; ++n) {
        const double* error = errors + (n - begin) * tries;
        size_t best = 0;
        for (size_t t = 1; t < tries; ++t) {
          if (error[t] < error[best]) best = t;
        }
        bounds[n * groups + i] *= factors[best];
        if (best > 0) ++clipped[begin / band];
      }
    }
  });
  uint64_t total = 0;
  for (const uint64_t n : clipped) total += n;
  return total;
}

}  // namespace salient
