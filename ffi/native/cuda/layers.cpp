// The heavy operations: what the C interface asks for, by the kernels of kernels.h.
#include <algorithm>
#include <mutex>

#include "../abi/elementwise.h"
#include "../abi/objects.h"
#include "kernels.h"
#include "memory.h"
#include "products.h"
#include "recording.h"

namespace salient {
namespace {

cuda::Element element(DType type) { return static_cast<cuda::Element>(type); }

uint32_t size_of(size_t size, const char* what) {
  if (size > UINT32_MAX) fail(SALIENT_INVALID, "%zu %s are too many", size, what);
  return static_cast<uint32_t>(size);
}

// Words that are zero between calls. One set: launches are in order.
uint32_t* counters() {
  static std::mutex mutex;
  static uint32_t* words = nullptr;
  const std::lock_guard lock(mutex);
  if (words == nullptr) {
    const Unrecorded scope;
    const DeviceMemory memory = take_device_memory(cuda::kCounters * sizeof(uint32_t));  // never given back
    device::fill(memory.data, 0, cuda::kCounters * sizeof(uint32_t));
    words = reinterpret_cast<uint32_t*>(memory.data);
  }
  return words;
}

// A call's workspace.
class Room {
 public:
  explicit Room(size_t bytes) : memory_(bytes), workspace_{memory_.data(), bytes, counters()} {}
  operator const cuda::Workspace&() const { return workspace_; }

 private:
  Temporary<uint8_t> memory_;
  cuda::Workspace workspace_;
};

}  // namespace

void linear(const float* x, const void* w, DType type, const float* bias, float* y, size_t T, size_t K, size_t N, bool bf16) {
  using enum cuda::Element;
  const uint32_t t = size_of(T, "tokens"), k = size_of(K, "inputs"), n = size_of(N, "outputs");
  const cuda::Precision precision = bf16 ? cuda::Precision::Bf16 : cuda::Precision::Fp32;
  const Room room(cuda::linear_workspace(F32, element(type), precision, t, k, n));
  cuda::linear(x, F32, w, element(type), bias, y, F32, t, k, n, precision, room);
}

void accumulate_gram(const float* x, float* gram, size_t T, size_t K) { gram_product(x, K, gram, T, K); }

struct Packed {
  cuda::PackedLayout layout;
  std::shared_ptr<Temporary<uint8_t>> memory;
};

Packed* pack(const uint8_t* codes, const float* scales, const uint8_t* zeros, const Grid& grid, size_t N, size_t K) {
  // A zero point takes part in the kernels' 16-bit numbers, which have no room for one far outside of the grid.
  const uint32_t most = std::min(1u << grid.bits, 255u), found = largest_code(zeros, N * (K / grid.group));
  if (found > most) fail(SALIENT_INVALID, "Zero point %u of %u bits is above %u", found, grid.bits, most);
  const cuda::PackedLayout layout = cuda::packed_layout(size_of(N, "outputs"), size_of(K, "inputs"), grid.group, grid.bits);
  auto packed = std::make_unique<Packed>(Packed{layout, std::make_shared<Temporary<uint8_t>>(layout.bytes)});
  cuda::pack(layout, codes, scales, zeros, packed->memory->data());
  return packed.release();
}

void free_packed(Packed* packed) { delete packed; }

size_t packed_bytes(const Packed* packed) { return packed->layout.bytes; }

size_t packed_outputs(const Packed* packed) { return packed->layout.N; }
size_t packed_inputs(const Packed* packed) { return packed->layout.K; }

void packed_linear(const Packed* packed, const float* x, const float* bias, float* y, size_t T) {
  using enum cuda::Element;
  const uint32_t tokens = size_of(T, "tokens");
  if (Recording* step = recording()) step->hold(packed->memory);
  const Room room(cuda::packed_linear_workspace(packed->layout, F32, tokens));
  cuda::packed_linear(packed->layout, packed->memory->data(), x, F32, bias, y, F32, tokens, room);
}

void attention(const float* q, const float* k, const float* v, float* out, const AttentionShape& shape) {
  if (shape.head_dim > 512) fail(SALIENT_INVALID, "Heads of %zu channels are too wide for cuda: at most 512", shape.head_dim);
  cuda::AttentionShape mine{};
  mine.heads = size_of(shape.heads, "heads");
  mine.kv_heads = size_of(shape.kv_heads, "heads");
  mine.head_dim = size_of(shape.head_dim, "channels");
  mine.sequences = size_of(shape.sequences, "sequences");
  mine.queries = size_of(shape.queries, "queries");
  mine.keys = size_of(shape.keys, "keys");
  mine.scale = shape.scale;
  mine.window = size_of(shape.window, "tokens of a window");
  mine.query_start = size_of(shape.query_start, "positions");
  mine.softcap = shape.softcap;
  const Temporary<float> slopes(shape.slopes, shape.slopes == nullptr ? 0 : shape.heads);
  mine.slopes = shape.slopes == nullptr ? nullptr : slopes.data();
  if (Recording* step = recording()) {
    const bool whole = shape.query_start == step->recorded_position() && shape.keys == shape.query_start + 1;
    if (shape.sequences == 1 && shape.queries == 1 && whole) {
      const uint32_t capacity = size_of(shape.capacity, "keys");
      step->moving(shape.query_start, capacity);
      const Room room(cuda::decode_attention_workspace(mine, capacity));
      cuda::decode_attention(q, k, v, out, cuda::Element::F32, mine, step->length(), capacity, room);
      return;
    }
    step->refuse("its attention is not that of one token over all before it");
  }
  const Room room(cuda::attention_workspace(mine));
  cuda::attention(q, k, v, out, cuda::Element::F32, mine, room);
}

}  // namespace salient
