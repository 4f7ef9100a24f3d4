// What handles name: tensors, mapped files, packed weights, factors and recorded steps; and how failures become statuses.
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../salient.h"
#include "kernels.h"

namespace salient {

// ---------------------------------------------------------------------------------------------------
// Failures: thrown inside the library, turned into a status at its boundary.

struct Failure {
  int32_t code;
  std::string text;
};

[[noreturn]] void fail(int32_t code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Keeps the text and returns the status that names it.
int32_t keep_failure(int32_t code, const std::string& text) noexcept;

// Around each call: what the library needs before and after it. `finish` is not called after a failure.
class Call {
 public:
  Call();
  ~Call();
  void finish();
};

// Runs the body of an exported function that needs no device. Nothing leaves it but a status.
template <class Body>
int32_t guard_anywhere(Body&& body) noexcept {
  try {
    body();
    return SALIENT_OK;
  } catch (const Failure& failure) {
    return keep_failure(failure.code, failure.text);
  } catch (const std::bad_alloc&) {
    return keep_failure(SALIENT_MEMORY, "Not enough memory");
  } catch (const std::exception& error) {
    return keep_failure(SALIENT_INTERNAL, error.what());
  } catch (...) {
    return keep_failure(SALIENT_INTERNAL, "Unknown failure");
  }
}

// Runs the body of an exported function.
template <class Body>
int32_t guard(Body&& body) noexcept {
  return guard_anywhere([&] {
    Call call;
    body();
    call.finish();
  });
}

// ---------------------------------------------------------------------------------------------------
// Memory

// A block of a tensor's memory, at least 64-byte aligned, counted as allocated while it lives.
class Block {
 public:
  explicit Block(size_t bytes, bool zeroed = false);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // What the library that made it keeps with it.
  const std::shared_ptr<void>& extra() const { return extra_; }

 private:
  uint8_t* data_;
  size_t bytes_;
  size_t capacity_;
  std::shared_ptr<void> extra_;
};

size_t allocated_bytes();
size_t cached_bytes();
// Most bytes that this library has taken of a device so far; 0 where tensors are host memory.
size_t peak_device_bytes();
// Counts memory that is held outside blocks (packed weights).
void count_allocated(size_t bytes);
void count_freed(size_t bytes);
// Gives cached blocks and free heap pages back to the system.
void trim_memory();

// Tensors' memory may be that of a device, which only kernels and these functions can touch.
bool tensors_are_host_memory();
void copy_in(void* tensor, const void* host, size_t bytes);
void copy_out(void* host, const void* tensor, size_t bytes);
// `rows` of `row_bytes` to a tensor with `target_rows`, from its row `row` on. Both inside tensors; they may overlap.
void copy_rows(uint8_t* target, size_t target_rows, size_t row, const uint8_t* source, size_t rows, size_t row_bytes);

// ---------------------------------------------------------------------------------------------------
// Objects

enum class Kind : uint32_t { Tensor, File, Packed, Factor, Step };

struct Object {
  const Kind kind;
  explicit Object(Kind kind) : kind(kind) {}
  virtual ~Object() = default;
  // Bytes of tensors' memory that it keeps besides the tensors that have handles.
  virtual size_t own_bytes() const { return 0; }
};

struct File final : Object {
  int descriptor = -1;
  uint8_t* data = nullptr;
  size_t bytes = 0;
  File() : Object(Kind::File) {}
  ~File() override;
};

constexpr uint32_t kMaxRank = 8;

struct Tensor final : Object {
  DType dtype;
  std::vector<uint32_t> shape;
  size_t size = 0;   // elements
  size_t bytes = 0;  // their bytes
  uint8_t* data = nullptr;
  std::shared_ptr<Block> block;  // one of the two owns `data`; both are there in the copy of a file's view that
  std::shared_ptr<File> file;    // resident() made
  std::shared_ptr<Tensor> copy;  // that copy, kept by the view; only resident() and forget_resident() touch it

  Tensor(DType dtype, std::vector<uint32_t> shape);
  size_t rows() const { return shape.empty() ? 1 : shape[0]; }
  size_t columns() const { return shape.empty() ? 1 : shape.back(); }
  float* f32() const { return reinterpret_cast<float*>(data); }
  double* f64() const { return reinterpret_cast<double*>(data); }
};

struct PackedWeight final : Object {
  Packed* packed;
  size_t N, K, bytes;
  PackedWeight(Packed* packed, size_t N, size_t K);
  ~PackedWeight() override;
};

struct GramFactor final : Object {
  Factor* factor;
  explicit GramFactor(Factor* factor) : Object(Kind::Factor), factor(factor) {}
  ~GramFactor() override;
};

using TensorRef = std::shared_ptr<Tensor>;

size_t element_bytes(DType dtype);
bool is_float(DType dtype);
const char* dtype_name(DType dtype);
std::string shape_text(const std::vector<uint32_t>& shape);

DType checked_dtype(uint32_t dtype);
std::vector<uint32_t> checked_shape(const uint32_t* shape, uint32_t rank);
// A tensor with memory of its own.
TensorRef new_tensor(DType dtype, std::vector<uint32_t> shape, bool zeroed = false);
// Another shape or offset of the same memory.
TensorRef view_of(const Tensor& parent, std::vector<uint32_t> shape, size_t byte_offset);

uint32_t publish(std::shared_ptr<Object> object);
std::shared_ptr<Object> find(uint32_t handle);
void release(uint32_t handle);

// The tensor as it is stored: a view of a file may not be where kernels can read it.
TensorRef stored_at(uint32_t handle, const char* what);
// The same where kernels can read it: the tensor itself, or the library's copy of a file's view, which lives at
// least as long as the result.
TensorRef resident(TensorRef tensor);
// Ends the copies of views that lie in a range of a file, or in any part of it.
void forget_resident(const File& file, uint64_t offset, uint64_t length);
// A tensor that kernels can read.
TensorRef tensor_at(uint32_t handle, const char* what);
// Also checks the element type.
TensorRef tensor_at(uint32_t handle, const char* what, DType dtype);
// A weight or an activation: two axes, the second of length K (0 for any).
TensorRef matrix_at(uint32_t handle, const char* what, DType dtype, size_t K = 0);
TensorRef float_matrix_at(uint32_t handle, const char* what, size_t K = 0);
std::shared_ptr<File> file_at(uint32_t handle);

void check_writable(const Tensor& tensor, const char* what);
void check_shape(const Tensor& tensor, const char* what, size_t rows, size_t columns);
template <class T>
void check_buffer(const T* buffer, const char* what) {
  if (buffer == nullptr) fail(SALIENT_INVALID, "No buffer given for %s", what);
}

}  // namespace salient
