// Operations that move rows and channels: rotation of pairs, columns by number, rows added where they belong.

#include <cstring>
#include <vector>

#include "elementwise.h"
#include "row_groups.h"
#include "row_pieces.h"
#include "vector_math.h"

namespace salient {

namespace {

SALIENT_VECTORIZED void rotate(float* low, float* high, const float* cosines, const float* sines, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float a = low[i], b = high[i];
    low[i] = a * cosines[i] - b * sines[i];
    high[i] = b * cosines[i] + a * sines[i];
  }
}

SALIENT_VECTORIZED void rotate_neighbours(float* x, const float* cosines, const float* sines, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float a = x[2 * i], b = x[2 * i + 1];
    x[2 * i] = a * cosines[i] - b * sines[i];
    x[2 * i + 1] = b * cosines[i] + a * sines[i];
  }
}

SALIENT_VECTORIZED void add_scaled(float* target, const float* source, float weight, size_t n) {
  for (size_t i = 0; i < n; i++) target[i] += weight * source[i];
}

// Columns of the result that are copied as one, from `source` on; zeros where that is -1.
struct Run {
  size_t target, length;
  int64_t source;
};

std::vector<Run> runs_of(const int32_t* columns, size_t count) {
  std::vector<Run> runs;
  for (size_t j = 0; j < count; j++) {
    const int64_t column = columns[j];
    if (!runs.empty()) {
      Run& last = runs.back();
      const int64_t next = last.source < 0 ? -1 : last.source + static_cast<int64_t>(last.length);
      if (column == next) {
        last.length++;
        continue;
      }
    }
    runs.push_back({j, 1, column});
  }
  return runs;
}

void copy_runs(const float* row, const std::vector<Run>& runs, float* out) {
  for (const Run& run : runs) {
    if (run.source < 0) std::memset(out + run.target, 0, run.length * sizeof(float));
    else std::memcpy(out + run.target, row + run.source, run.length * sizeof(float));
  }
}

void gather(const float* row, const int32_t* columns, size_t count, float* out) {
  for (size_t j = 0; j < count; j++) out[j] = columns[j] < 0 ? 0.0f : row[columns[j]];
}

}  // namespace

void rope(float* x, const float* table, size_t, size_t T, size_t heads, size_t head_dim, size_t sequences,
          size_t start, size_t R, bool interleaved) {
  const size_t length = T / sequences;
  const size_t width = heads * head_dim;
  parallel_for(T, rows_per_piece(width), [=](size_t begin, size_t end) {
    for (size_t t = begin; t < end; t++) {
      const float* cosines = table + (start + t % length) * R;
      for (size_t head = 0; head < heads; head++) {
        float* low = x + t * width + head * head_dim;
        if (interleaved) rotate_neighbours(low, cosines, cosines + R / 2, R / 2);
        else rotate(low, low + R / 2, cosines, cosines + R / 2, R / 2);
      }
    }
  });
}

void select_columns(const float* x, const int32_t* columns, float* out, size_t T, size_t K, size_t count) {
  constexpr size_t kLeastRun = 8;  // on average: shorter ones cost more as copies than one by one
  const std::vector<Run> runs = runs_of(columns, count);
  const bool long_runs = runs.size() * kLeastRun <= count;
  parallel_for(T, rows_per_piece(count), [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; t++) {
      if (long_runs) copy_runs(x + t * K, runs, out + t * count);
      else gather(x + t * K, columns, count, out + t * count);
    }
  });
}

void add_rows(float* target, const float* source, const int32_t* rows, const float* weights, size_t count, size_t K) {
  // Targets are shared out: every sum is taken by one thread, in the order of i.
  const RowGroups groups = row_groups(rows, count);
  parallel_for(groups.targets(), rows_per_piece(K), [&](size_t begin, size_t end) {
    for (uint32_t m = groups.starts[begin]; m < groups.starts[end]; m++) {
      const size_t i = groups.members[m];
      add_scaled(target + static_cast<size_t>(rows[i]) * K, source + i * K, weights[i], K);
    }
  });
}

}  // namespace salient
