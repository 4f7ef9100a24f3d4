// What several exported functions are given, checked.
#pragma once

#include "elementwise.h"
#include "objects.h"

namespace salient {

inline Grid checked_grid(const uint32_t* numbers, size_t K) {
  check_buffer(numbers, "the grid");
  Grid grid{};
  grid.bits = numbers[0];
  grid.group = numbers[1];
  grid.symmetric = numbers[2] != 0;
  grid.scale = checked_dtype(numbers[3]);
  grid.range_zero = numbers[4] != 0;
  if (grid.bits < 2 || grid.bits > 8) fail(SALIENT_INVALID, "Bits must be 2 to 8 but are %u", grid.bits);
  if (grid.scale != DType::F32 && grid.scale != DType::F16 && grid.scale != DType::BF16) {
    fail(SALIENT_INVALID, "Scales cannot be %s", dtype_name(grid.scale));
  }
  if (grid.group == 0 || K == 0 || K % grid.group != 0) {
    fail(SALIENT_INVALID, "Group size %u does not divide %zu inputs", grid.group, K);
  }
  return grid;
}

inline Activation checked_activation(uint32_t number) {
  if (number >= kActivations) fail(SALIENT_INVALID, "Unknown activation %u", number);
  return static_cast<Activation>(number);
}

inline TensorRef weight_at(uint32_t handle) {
  TensorRef w = float_matrix_at(handle, "weight");
  if (w->size == 0) fail(SALIENT_INVALID, "The weight %s is empty", shape_text(w->shape).c_str());
  return w;
}

}  // namespace salient
