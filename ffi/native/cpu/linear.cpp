// y = x W^T + bias.
//
// Many rows of x: they are brought into the shape of a left side once. Output tiles of up to kHeight x 256 are
// then summed over blocks of kDepth words, whose right side is packed first. A tile is one thread's from start
// to end, and every sum runs in the order of the inputs, so neither tiles nor threads change a bit. Few rows:
// the weight is read once, unpacked.
#include "panels.h"
#include "scratch.h"

namespace salient {
namespace {

// Rows of x up to which the weight is not packed: packing pays later in fp32 than with bf16 products.
constexpr size_t kFew = 32;
constexpr size_t kFewBf16 = 8;

struct Product {
  const float* x;
  const void* w;
  DType type;
  const float* bias;
  float* y;
  size_t T, K, N;
  bool bf16;
};

void few(const Level& level, const Product& p) {
  const bool direct = p.type == DType::F32 || p.type == DType::F16 || p.type == DType::BF16;
  Scratch room(Scratch::room_for<float>(p.T * p.K));
  const float* x = p.x;
  if (p.bf16) {
    float* rounded = room.take<float>(p.T * p.K);
    std::memcpy(rounded, p.x, p.T * p.K * sizeof(float));
    level.round_bf16(rounded, p.T * p.K);
    x = rounded;
  }
  // About 128 Ki weights a piece, so that waking a thread pays; in whole tiles of 4 rows.
  const size_t grain = std::max<size_t>(4, 131072 / std::max<size_t>(p.K, 1) / 4 * 4);
  parallel_for(p.N, grain, [&](size_t begin, size_t end) {
    const float* bias = p.bias != nullptr ? p.bias + begin : nullptr;
    if (direct) {
      level.few_rows(x, p.T, p.K, at(p.w, p.type, begin * p.K), p.type, p.bf16, end - begin, bias, p.y + begin, p.N);
      return;
    }
    Scratch row_room(Scratch::room_for<float>(p.K));
    float* row = row_room.take<float>(p.K);
    for (size_t n = begin; n < end; ++n) {
      level.to_f32(at(p.w, p.type, n * p.K), p.type, row, p.K);
      level.few_rows(x, p.T, p.K, row, DType::F32, p.bf16, 1, p.bias != nullptr ? p.bias + n : nullptr, p.y + n, p.N);
    }
  });
}

// Rows as pairs of bf16, an odd last input padded with 0: out [count][kStride] words.
void pair_rows(const Level& level, const void* source, DType type, size_t stride, size_t count, size_t depth,
               float* wide, uint32_t* out) {
  for (size_t r = 0; r < count; ++r) {
    auto* row = reinterpret_cast<uint16_t*>(out + r * kStride);
    row[depth] = 0;
    if (type == DType::BF16) {
      std::memcpy(row, at(source, type, r * stride), depth * 2);
    } else if (type == DType::F32) {
      level.from_f32(static_cast<const float*>(source) + r * stride, row, DType::BF16, depth);
    } else {
      level.to_f32(at(source, type, r * stride), type, wide, depth);
      level.from_f32(wide, row, DType::BF16, depth);
    }
  }
}

// Outputs of one thread.
struct Tile {
  size_t row, rows, column, columns;
};

constexpr size_t kHeight = 768;
constexpr size_t kRows = 2 * kHeight;  // rows of x whose left sides are kept at a time

// Inputs of a block of kDepth words.
size_t block_inputs(bool pairs) { return pairs ? 2 * kDepth : kDepth; }

// left [blocks of K][T][kStride]
void left_sides(const Level& level, const Product& p, bool pairs, uint32_t* left) {
  const size_t inputs = block_inputs(pairs);
  parallel_for(p.T, 16, [&](size_t begin, size_t end) {
    for (size_t k = 0; k < p.K; k += inputs) {
      const size_t depth = std::min(inputs, p.K - k);
      uint32_t* out = left + k / inputs * p.T * kStride;
      for (size_t r = begin; r < end; ++r) {
        const float* from = p.x + r * p.K + k;
        if (pairs) {
          pair_rows(level, from, DType::F32, p.K, 1, depth, nullptr, out + r * kStride);
          continue;
        }
        auto* row = reinterpret_cast<float*>(out + r * kStride);
        std::memcpy(row, from, depth * sizeof(float));
        if (p.bf16) level.round_bf16(row, depth);
      }
    }
  });
}

void tile_fp32(const Level& level, const Product& p, const uint32_t* left, const Tile& t) {
  const size_t right_words = right_size(level, t.columns, kDepth);
  Scratch room(Scratch::room_for<float>(right_words) + Scratch::room_for<float>(level.panel * kStride));
  float* right = room.take<float>(right_words);
  float* buffer = room.take<float>(level.panel * kStride);
  for (size_t k = 0; k < p.K; k += kDepth, left += p.T * kStride) {
    const size_t depth = std::min(kDepth, p.K - k);
    right_of_rows(level, at(p.w, p.type, t.column * p.K), p.type, p.K, k, depth, t.columns, p.bf16, buffer, right);
    level.product(reinterpret_cast<const float*>(left) + t.row * kStride, t.rows, right, t.columns, depth,
                  p.y + t.row * p.N + t.column, p.N, k > 0 || p.bias != nullptr);
  }
}

void tile_bf16(const Level& level, const Product& p, const uint32_t* left, const Tile& t) {
  const size_t right_words = right_size(level, t.columns, kDepth), inputs = block_inputs(true);
  Scratch room(Scratch::room_for<uint32_t>(right_words) + Scratch::room_for<uint32_t>(level.panel * kStride) +
               Scratch::room_for<float>(inputs));
  auto* right = room.take<uint32_t>(right_words);
  auto* buffer = room.take<uint32_t>(level.panel * kStride);
  float* wide = room.take<float>(inputs);
  for (size_t k = 0; k < p.K; k += inputs, left += p.T * kStride) {
    const size_t depth = std::min(inputs, p.K - k), pairs = (depth + 1) / 2;
    uint32_t* panel = right;
    for (size_t j = 0; j < t.columns; j += level.panel, panel += pairs * level.panel) {
      const size_t count = std::min(level.panel, t.columns - j);
      pair_rows(level, at(p.w, p.type, (t.column + j) * p.K + k), p.type, p.K, count, depth, wide, buffer);
      for (size_t r = count; r < level.panel; ++r) std::fill_n(buffer + r * kStride, pairs, 0u);
      level.transpose(buffer, kStride, level.panel, pairs, panel, level.panel);
    }
    level.product_bf16(left + t.row * kStride, t.rows, right, t.columns, pairs, p.y + t.row * p.N + t.column, p.N,
                       k > 0 || p.bias != nullptr);
  }
}

// Up to kRows rows of x.
void many(const Level& level, const Product& p, bool pairs) {
  const size_t inputs = block_inputs(pairs), left_size = (p.K + inputs - 1) / inputs * p.T * kStride;
  Scratch room(Scratch::room_for<uint32_t>(left_size));
  auto* left = room.take<uint32_t>(left_size);
  left_sides(level, p, pairs, left);
  const size_t width = p.N >= 2048 ? 256 : 128, across = (p.N + width - 1) / width;
  const size_t most = across >= 8 ? kHeight : kHeight / 2;
  const size_t bands = (p.T + most - 1) / most, height = round_up((p.T + bands - 1) / bands, 12);
  parallel_for((p.T + height - 1) / height * across, 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      Tile t{i / across * height, height, i % across * width, width};
      t.rows = std::min(height, p.T - t.row);
      t.columns = std::min(width, p.N - t.column);
      for (size_t r = 0; r < t.rows && p.bias != nullptr; ++r) {
        std::memcpy(p.y + (t.row + r) * p.N + t.column, p.bias + t.column, t.columns * sizeof(float));
      }
      if (pairs) tile_bf16(level, p, left, t);
      else tile_fp32(level, p, left, t);
    }
  });
}

}  // namespace

void linear(const float* x, const void* w, DType type, const float* bias, float* y, size_t T, size_t K,
            size_t N, bool bf16) {
  if (T == 0 || N == 0) return;
  const Level& level = salient::level();
  const Product p{x, w, type, bias, y, T, K, N, bf16};
  const bool pairs = bf16 && level.product_bf16 != nullptr;
  if (T <= (pairs ? kFewBf16 : kFew) || K == 0) return few(level, p);
  for (size_t t = 0; t < T; t += kRows) {
    many(level, {x + t * K, w, type, bias, y + t * N, std::min(kRows, T - t), K, N, bf16}, pairs);
  }
}

}  // namespace salient
