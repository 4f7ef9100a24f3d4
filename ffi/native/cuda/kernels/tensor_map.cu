// See tensor_map.h.
#include "tensor_map.h"

#if !defined(SALIENT_EMULATED)
#include <cuda.h>
#endif

namespace salient::cuda {

#if defined(SALIENT_EMULATED)

bool tensor_maps_found() { return true; }

bool make_tensor_map(const MatrixBoxes& m, TensorMap& map) {
  const size_t element = element_bytes(m.type), box_bytes = m.box_columns * element;
  const bool good = reinterpret_cast<uintptr_t>(m.data) % 16 == 0 && m.row_bytes % 16 == 0 && m.columns > 0 && m.rows > 0 &&
                    m.row_bytes < size_t{1} << 40 && m.columns * element <= m.row_bytes && m.box_columns - 1 < 256 &&
                    m.box_rows - 1 < 256 && box_bytes % 16 == 0 && (!m.swizzled || box_bytes <= 128);
  static_assert(sizeof m <= sizeof map);
  map = {};
  std::memcpy(map.words, &m, sizeof m);
  return good;
}

#else

namespace {

using Encode = decltype(cuTensorMapEncodeTiled);

// The library is not linked with the driver's: the runtime finds the function.
Encode* encode() {
  static Encode* const found = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result{};
    constexpr unsigned kSince = 12000;
    const bool good = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, kSince, cudaEnableDefault,
                                                       &result) == cudaSuccess &&
                      result == cudaDriverEntryPointSuccess;
    return good ? reinterpret_cast<Encode*>(function) : nullptr;
  }();
  return found;
}

CUtensorMapDataType type_number(Element type) {
  switch (type) {
    case Element::F16: return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    case Element::BF16: return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    case Element::I32: return CU_TENSOR_MAP_DATA_TYPE_INT32;
    default: return CU_TENSOR_MAP_DATA_TYPE_UINT8;
  }
}

}  // namespace

bool tensor_maps_found() { return encode() != nullptr; }

bool make_tensor_map(const MatrixBoxes& m, TensorMap& map) {
  static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) && alignof(TensorMap) >= alignof(CUtensorMap));
  if (encode() == nullptr) return false;
  const cuuint64_t sizes[2] = {m.columns, m.rows}, strides[1] = {m.row_bytes};
  const cuuint32_t box[2] = {m.box_columns, m.box_rows}, steps[2] = {1, 1};
  return encode()(reinterpret_cast<CUtensorMap*>(&map), type_number(m.type), 2, const_cast<void*>(m.data), sizes, strides, box,
                  steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                  m.swizzled ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

#endif

}  // namespace salient::cuda
