// The table of handles, and the checks that every exported function makes.

#include "objects.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>

#include <sys/mman.h>
#include <unistd.h>

namespace salient {

// ---------------------------------------------------------------------------------------------------
// Failures

namespace {

struct Kept {
  int32_t status;
  std::string text;
};

// Leaked on purpose: calls on other threads may still come while the process ends.
struct Failures {
  std::mutex mutex;
  std::deque<Kept> kept;
  uint32_t next = 1;
};
Failures& failures() {
  static auto* instance = new Failures;
  return *instance;
}
constexpr size_t kMaxKept = 1024;

}  // namespace

void fail(int32_t code, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw Failure{code, text};
}

int32_t keep_failure(int32_t code, const std::string& text) noexcept {
  try {
    Failures& all = failures();
    std::lock_guard lock(all.mutex);
    const int32_t status = static_cast<int32_t>(all.next << 8 | static_cast<uint32_t>(code));
    all.next = all.next == 0x7fffff ? 1 : all.next + 1;
    if (all.kept.size() == kMaxKept) all.kept.pop_front();
    all.kept.push_back({status, text});
    return status;
  } catch (...) {
    return code;
  }
}

}  // namespace salient

extern "C" uint32_t salient_error(int32_t status, uint8_t* text, uint32_t length) {
  using namespace salient;
  std::string found = (status & 255) == SALIENT_MEMORY ? "Not enough memory" : "Failed without a message";
  try {
    Failures& all = failures();
    std::lock_guard lock(all.mutex);
    for (auto at = all.kept.begin(); at != all.kept.end(); ++at) {
      if (at->status != status) continue;
      found = at->text;
      all.kept.erase(at);
      break;
    }
  } catch (...) {
  }
  if (text == nullptr) return 0;
  const size_t count = std::min<size_t>(found.size(), length);
  std::memcpy(text, found.data(), count);
  return static_cast<uint32_t>(count);
}

namespace salient {

// ---------------------------------------------------------------------------------------------------
// Handles: 20 bits of place, 12 bits of generation

namespace {

constexpr uint32_t kPlaceBits = 20;
constexpr uint32_t kPlaces = 1u << kPlaceBits;
constexpr uint32_t kGenerations = 1u << (32 - kPlaceBits);

struct Slot {
  uint32_t generation = 1;
  std::shared_ptr<Object> object;
};

struct Table {
  std::mutex mutex;
  std::vector<Slot> slots;
  // First in, first out, so that a place's generations are used up as slowly as can be.
  std::deque<uint32_t> free;
};
Table& table() {
  static auto* instance = new Table;
  return *instance;
}

}  // namespace

uint32_t publish(std::shared_ptr<Object> object) {
  Table& all = table();
  std::lock_guard lock(all.mutex);
  uint32_t place;
  if (all.free.size() > 1024 || (all.slots.size() == kPlaces && !all.free.empty())) {
    place = all.free.front();
    all.free.pop_front();
  } else {
    if (all.slots.size() == kPlaces) fail(SALIENT_MEMORY, "Too many living tensors");
    place = static_cast<uint32_t>(all.slots.size());
    all.slots.emplace_back();
  }
  Slot& slot = all.slots[place];
  slot.object = std::move(object);
  return slot.generation << kPlaceBits | place;
}

std::shared_ptr<Object> find(uint32_t handle) {
  Table& all = table();
  std::lock_guard lock(all.mutex);
  const uint32_t place = handle & (kPlaces - 1);
  if (place >= all.slots.size()) return nullptr;
  const Slot& slot = all.slots[place];
  return slot.generation == handle >> kPlaceBits ? slot.object : nullptr;
}

void release(uint32_t handle) {
  std::shared_ptr<Object> ended;  // destroyed after the lock is gone
  Table& all = table();
  std::lock_guard lock(all.mutex);
  const uint32_t place = handle & (kPlaces - 1);
  if (place >= all.slots.size() || all.slots[place].generation != handle >> kPlaceBits ||
      all.slots[place].object == nullptr) {
    fail(SALIENT_INVALID, "Handle %u is not in use", handle);
  }
  all.free.push_back(place);
  Slot& slot = all.slots[place];
  ended = std::move(slot.object);
  slot.object = nullptr;
  slot.generation = slot.generation + 1 == kGenerations ? 1 : slot.generation + 1;
}

// ---------------------------------------------------------------------------------------------------
// Objects

File::~File() {
  if (data != nullptr) munmap(data, bytes);
  if (descriptor >= 0) close(descriptor);
}

PackedWeight::PackedWeight(Packed* packed, size_t N, size_t K)
    : Object(Kind::Packed), packed(packed), N(N), K(K), bytes(packed_bytes(packed)) {
  count_allocated(bytes);
}
PackedWeight::~PackedWeight() {
  free_packed(packed);
  count_freed(bytes);
}

GramFactor::~GramFactor() { free_factor(factor); }

Tensor::Tensor(DType dtype, std::vector<uint32_t> sizes)
    : Object(Kind::Tensor), dtype(dtype), shape(std::move(sizes)) {
  size_t count = 1;
  for (const uint32_t length : shape) {
    if (__builtin_mul_overflow(count, static_cast<size_t>(length), &count) || count > (size_t{1} << 48)) {
      fail(SALIENT_INVALID, "Shape %s is too large", shape_text(shape).c_str());
    }
  }
  size = count;
  bytes = count * element_bytes(dtype);
}

TensorRef new_tensor(DType dtype, std::vector<uint32_t> shape, bool zeroed) {
  auto tensor = std::make_shared<Tensor>(dtype, std::move(shape));
  tensor->block = std::make_shared<Block>(tensor->bytes, zeroed);
  tensor->data = tensor->block->data();
  return tensor;
}

TensorRef view_of(const Tensor& parent, std::vector<uint32_t> shape, size_t byte_offset) {
  auto tensor = std::make_shared<Tensor>(parent.dtype, std::move(shape));
  tensor->block = parent.block;
  tensor->file = parent.file;
  tensor->data = parent.data + byte_offset;
  return tensor;
}

size_t element_bytes(DType dtype) {
  static constexpr uint8_t kBytes[] = {8, 4, 2, 2, 1, 8, 4, 1, 1, 1};
  return kBytes[static_cast<uint32_t>(dtype)];
}

bool is_float(DType dtype) { return static_cast<uint32_t>(dtype) <= static_cast<uint32_t>(DType::F8_E4M3); }

const char* dtype_name(DType dtype) {
  static constexpr const char* kNames[] = {"F64", "F32", "F16", "BF16", "F8_E4M3",
                                           "I64", "I32", "I8",  "U8",   "BOOL"};
  return kNames[static_cast<uint32_t>(dtype)];
}

std::string shape_text(const std::vector<uint32_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

DType checked_dtype(uint32_t dtype) {
  if (dtype > static_cast<uint32_t>(DType::BOOL)) fail(SALIENT_INVALID, "Unknown element type %u", dtype);
  return static_cast<DType>(dtype);
}

std::vector<uint32_t> checked_shape(const uint32_t* shape, uint32_t rank) {
  if (rank > kMaxRank) fail(SALIENT_INVALID, "A tensor has at most %u axes, not %u", kMaxRank, rank);
  if (rank > 0) check_buffer(shape, "the shape");
  return rank == 0 ? std::vector<uint32_t>() : std::vector<uint32_t>(shape, shape + rank);
}

// ---------------------------------------------------------------------------------------------------
// Checks

TensorRef stored_at(uint32_t handle, const char* what) {
  std::shared_ptr<Object> object = find(handle);
  if (object == nullptr || object->kind != Kind::Tensor) {
    fail(SALIENT_INVALID, "The %s is not a living tensor (handle %u)", what, handle);
  }
  return std::static_pointer_cast<Tensor>(std::move(object));
}

TensorRef tensor_at(uint32_t handle, const char* what) { return resident(stored_at(handle, what)); }

TensorRef tensor_at(uint32_t handle, const char* what, DType dtype) {
  TensorRef tensor = stored_at(handle, what);
  if (tensor->dtype != dtype) {
    fail(SALIENT_INVALID, "The %s must be %s but is %s", what, dtype_name(dtype), dtype_name(tensor->dtype));
  }
  return resident(std::move(tensor));
}

static void check_matrix(const Tensor& tensor, const char* what, size_t K) {
  if (tensor.shape.size() != 2 || (K != 0 && tensor.columns() != K)) {
    fail(SALIENT_INVALID, "The %s must have the shape [rows, %s] but has %s", what,
         K == 0 ? "columns" : std::to_string(K).c_str(), shape_text(tensor.shape).c_str());
  }
}

TensorRef matrix_at(uint32_t handle, const char* what, DType dtype, size_t K) {
  TensorRef tensor = tensor_at(handle, what, dtype);
  check_matrix(*tensor, what, K);
  return tensor;
}

TensorRef float_matrix_at(uint32_t handle, const char* what, size_t K) {
  TensorRef tensor = stored_at(handle, what);
  if (!is_float(tensor->dtype)) {
    fail(SALIENT_INVALID, "The %s must be of a float type but is %s", what, dtype_name(tensor->dtype));
  }
  check_matrix(*tensor, what, K);
  return resident(std::move(tensor));
}

std::shared_ptr<File> file_at(uint32_t handle) {
  std::shared_ptr<Object> object = find(handle);
  if (object == nullptr || object->kind != Kind::File) {
    fail(SALIENT_INVALID, "Handle %u is not an open file", handle);
  }
  return std::static_pointer_cast<File>(std::move(object));
}

void check_writable(const Tensor& tensor, const char* what) {
  if (tensor.file != nullptr) fail(SALIENT_INVALID, "The %s is a view of a file and cannot be changed", what);
}

void check_shape(const Tensor& tensor, const char* what, size_t rows, size_t columns) {
  if (tensor.shape.size() != 2 || tensor.rows() != rows || tensor.columns() != columns) {
    fail(SALIENT_INVALID, "The %s must have the shape [%zu, %zu] but has %s", what, rows, columns,
         shape_text(tensor.shape).c_str());
  }
}

}  // namespace salient
