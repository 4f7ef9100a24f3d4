// A matrix in device memory as cp.async.bulk.tensor takes it: where it lies, and which boxes of it are copied.
#pragma once

#include "elements.h"

namespace salient::cuda {

// CUtensorMap, of which only the driver knows the inside. A kernel takes it as `const __grid_constant__ TensorMap`.
#if defined(SALIENT_EMULATED)
constexpr size_t kMapAlignment = 16;
#else
constexpr size_t kMapAlignment = 128;
#endif
struct alignas(kMapAlignment) TensorMap {
  uint64_t words[16];
};

struct MatrixBoxes {
  const void* data;     // on 16 bytes
  Element type;         // F16, BF16, I32 or U8
  u32 columns, rows;
  size_t row_bytes;     // from row to row, a multiple of 16
  u32 box_columns, box_rows;  // at most 256
  bool swizzled;        // by 128 bytes: a row of a box has 128 bytes then
};

// Whether the driver makes such maps (since 12.0).
bool tensor_maps_found();

// Host. False where the driver has no such thing or does not take the matrix.
bool make_tensor_map(const MatrixBoxes& matrix, TensorMap& map);

}  // namespace salient::cuda
