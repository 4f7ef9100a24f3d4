// Bringing the two sides of a product into the shape that Level::product takes.
//
// Left: rows of kStride words. Right: panels of `panel` columns, [depth][panel] words each.
#pragma once

#include <algorithm>
#include <cstring>

#include "level.h"

namespace salient {

inline size_t round_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

inline size_t element_size(DType type) {
  switch (type) {
    case DType::F64: return 8;
    case DType::F16:
    case DType::BF16: return 2;
    case DType::F8_E4M3: return 1;
    default: return 4;
  }
}

// Where element `index` of a tensor starts.
inline const void* at(const void* data, DType type, size_t index) {
  return static_cast<const char*>(data) + index * element_size(type);
}

// Row n of w [N, K] as fp32: in place, or converted into buffer [K].
inline const float* row_f32(const Level& level, const void* w, DType type, size_t n, size_t K, float* buffer) {
  if (type == DType::F32) return static_cast<const float*>(w) + n * K;
  level.to_f32(at(w, type, n * K), type, buffer, K);
  return buffer;
}

// Words of a right side of `columns` columns.
inline size_t right_size(const Level& level, size_t columns, size_t depth) {
  return round_up(columns, level.panel) * depth;
}

// Right side from columns that lie side by side: source [depth][stride], each value times factor.
inline void right_of_columns(const Level& level, const float* source, size_t stride, size_t depth,
                             size_t columns, float factor, float* out) {
  for (size_t j = 0; j < columns; j += level.panel, out += depth * level.panel) {
    const size_t count = std::min(level.panel, columns - j);
    for (size_t k = 0; k < depth; ++k) {
      float* row = out + k * level.panel;
      std::memcpy(row, source + k * stride + j, count * sizeof(float));
      std::fill(row + count, row + level.panel, 0.0f);
    }
    if (factor != 1.0f) level.scale(out, depth * level.panel, factor);
  }
}

// Right side from rows: column j of the product is row j of source [columns][stride] from `begin` on.
// buffer [panel][kStride].
inline void right_of_rows(const Level& level, const void* source, DType type, size_t stride, size_t begin,
                          size_t depth, size_t columns, bool round, float* buffer, float* out) {
  for (size_t j = 0; j < columns; j += level.panel, out += depth * level.panel) {
    for (size_t r = 0; r < level.panel; ++r) {
      float* row = buffer + r * kStride;
      if (j + r >= columns) {
        std::fill(row, row + depth, 0.0f);
        continue;
      }
      level.to_f32(at(source, type, (j + r) * stride + begin), type, row, depth);
      if (round && type != DType::BF16) level.round_bf16(row, depth);
    }
    level.transpose(reinterpret_cast<const uint32_t*>(buffer), kStride, level.panel, depth,
                    reinterpret_cast<uint32_t*>(out), level.panel);
  }
}

}  // namespace salient
