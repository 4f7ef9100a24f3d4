// ||X d^T||^2 = d G d^T of many rows at once, as a blocked matrix product.
#include "energy.h"

#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

// From the Gram: G is symmetric, so the part above the diagonal blocks is the part below it once more.
// Each diagonal block enters by half, and the whole is doubled.
void gram_energies(const Level& level, const float* blocked, size_t rows, const MomentView& view,
                   double* out) {
  const size_t stride = view.stride;
  const float* gram = view.moment->data + view.start * stride + view.start;
  const size_t right_words = right_size(level, kDepth, kDepth);
  Scratch room(Scratch::room_for<float>(rows * kStride) + Scratch::room_for<float>(right_words));
  float* sums = room.take<float>(rows * kStride);
  float* right = room.take<float>(right_words);
  for (size_t i = 0; i < view.size; i += kDepth) {
    const size_t columns = std::min(kDepth, view.size - i);
    for (size_t j = 0; j <= i; j += kDepth) {
      const size_t depth = std::min(kDepth, view.size - j);
      right_of_columns(level, gram + j * stride + i, stride, depth, columns, i == j ? 0.5f : 1.0f, right);
      level.product(blocked + j / kDepth * rows * kStride, rows, right, columns, depth, sums, kStride, j > 0);
    }
    const float* d = blocked + i / kDepth * rows * kStride;
    for (size_t m = 0; m < rows; ++m) out[m] += 2.0 * level.dot(sums + m * kStride, d + m * kStride, columns);
  }
}

// From sample rows: the outputs themselves, squared.
void token_energies(const Level& level, const float* blocked, size_t rows, const MomentView& view,
                    double* out) {
  const size_t right_words = right_size(level, kDepth, kDepth);
  Scratch room(Scratch::room_for<float>(rows * kStride) + Scratch::room_for<float>(right_words) +
               Scratch::room_for<float>(level.panel * kStride));
  float* sums = room.take<float>(rows * kStride);
  float* right = room.take<float>(right_words);
  float* buffer = room.take<float>(level.panel * kStride);
  const Moment& moment = *view.moment;
  for (size_t t = 0; t < moment.rows; t += kDepth) {
    const size_t columns = std::min(kDepth, moment.rows - t);
    for (size_t j = 0; j < view.size; j += kDepth) {
      const size_t depth = std::min(kDepth, view.size - j);
      right_of_rows(level, moment.data + t * view.stride, DType::F32, view.stride, view.start + j, depth, columns,
                    false, buffer, right);
      level.product(blocked + j / kDepth * rows * kStride, rows, right, columns, depth, sums, kStride, j > 0);
    }
    for (size_t m = 0; m < rows; ++m) out[m] += level.dot(sums + m * kStride, sums + m * kStride, columns);
  }
  for (size_t m = 0; m < rows; ++m) out[m] *= moment.weight;
}

}  // namespace

size_t blocked_size(size_t rows, size_t size) { return (size + kDepth - 1) / kDepth * rows * kStride; }

void put_blocked(const float* d, size_t size, size_t m, size_t rows, float* blocked) {
  for (size_t k = 0; k < size; k += kDepth) {
    std::memcpy(blocked + (k / kDepth * rows + m) * kStride, d + k, std::min(kDepth, size - k) * sizeof(float));
  }
}

void energies(const float* blocked, size_t rows, const MomentView& view, double* out) {
  std::fill(out, out + rows, 0.0);
  if (view.moment->tokens) token_energies(level(), blocked, rows, view, out);
  else gram_energies(level(), blocked, rows, view, out);
}

void row_energies(size_t rows, size_t K, const Moment& moment, double* out,
                  const std::function<void(size_t, size_t, const Put&)>& fill) {
  constexpr size_t kRows = 240;  // a multiple of every level's tile rows; more share one packing of G
  parallel_for(rows, kRows, [&](size_t begin, size_t end) {
    const size_t count = end - begin;
    Scratch room(Scratch::room_for<float>(blocked_size(count, K)));
    float* blocked = room.take<float>(blocked_size(count, K));
    size_t m = 0;
    fill(begin, end, [&](const float* d) { put_blocked(d, K, m++, count, blocked); });
    energies(blocked, count, MomentView{&moment, K, 0, K}, out + begin);
  });
}

}  // namespace salient
