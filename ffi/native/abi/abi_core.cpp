// Exported functions: memory, handles, files and plain tensors.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_set>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elementwise.h"
#include "objects.h"

using namespace salient;

namespace {

// Highest resident set of this process in bytes.
double peak_rss() {
  // getrusage counts what the process was before exec; VmHWM does not.
  if (std::FILE* status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    unsigned long long kibibytes = 0;
    while (std::fgets(line, sizeof line, status) != nullptr) {
      if (std::sscanf(line, "VmHWM: %llu", &kibibytes) == 1) break;
    }
    std::fclose(status);
    if (kibibytes > 0) return static_cast<double>(kibibytes) * 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
  return static_cast<double>(usage.ru_maxrss);
#else
  return static_cast<double>(usage.ru_maxrss) * 1024;
#endif
}

// Bytes of one row, whatever the number of rows.
size_t row_bytes(const Tensor& tensor) {
  size_t bytes = element_bytes(tensor.dtype);
  for (size_t axis = 1; axis < tensor.shape.size(); axis++) bytes *= tensor.shape[axis];
  return bytes;
}

// Element i of a type that is not a float type.
float whole_number(const uint8_t* bytes, DType type, size_t i) {
  switch (type) {
    case DType::I64: return static_cast<float>(reinterpret_cast<const int64_t*>(bytes)[i]);
    case DType::I32: return static_cast<float>(reinterpret_cast<const int32_t*>(bytes)[i]);
    case DType::I8: return static_cast<float>(static_cast<int8_t>(bytes[i]));
    default: return static_cast<float>(bytes[i]);
  }
}

size_t page_size() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// Throws when [offset, offset + length) is not inside the file, also as it is now: reading mapped pages
// beyond the end of a file that was cut would end the process.
void check_range(const File& file, uint64_t offset, uint64_t length) {
  if (offset > file.bytes || length > file.bytes - offset) {
    fail(SALIENT_INVALID, "Bytes %llu to %llu are beyond the file's %zu", static_cast<unsigned long long>(offset),
         static_cast<unsigned long long>(offset) + static_cast<unsigned long long>(length), file.bytes);
  }
  struct stat now{};
  if (fstat(file.descriptor, &now) != 0 || static_cast<uint64_t>(now.st_size) < file.bytes) {
    fail(SALIENT_FILE, "The file was cut while it was open");
  }
}

}  // namespace

uint32_t salient_abi_version(void) { return SALIENT_ABI_VERSION; }

int32_t salient_memory(double* reals) {
  return guard_anywhere([&] {
    check_buffer(reals, "the figures");
    reals[0] = static_cast<double>(allocated_bytes());
    reals[1] = peak_rss();
    reals[2] = static_cast<double>(cached_bytes());
    reals[3] = static_cast<double>(peak_device_bytes());
  });
}

int32_t salient_allocated(const uint32_t* handles, uint32_t count, double* reals) {
  return guard([&] {
    check_buffer(reals, "the figure");
    if (count > 0) check_buffer(handles, "the handles");
    std::unordered_set<const Block*> blocks;
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
      const std::shared_ptr<Object> object = find(handles[i]);
      if (object == nullptr) continue;
      bytes += object->own_bytes();
      if (object->kind == Kind::Packed) bytes += static_cast<const PackedWeight&>(*object).bytes;
      if (object->kind == Kind::Factor) bytes += factor_bytes(static_cast<const GramFactor&>(*object).factor);
      if (object->kind != Kind::Tensor) continue;
      const Block* block = static_cast<const Tensor&>(*object).block.get();
      if (block != nullptr && blocks.insert(block).second) bytes += block->bytes();
    }
    reals[0] = static_cast<double>(bytes);
  });
}

int32_t salient_trim(void) {
  return guard([] { trim_memory(); });
}

int32_t salient_release(uint32_t handle) {
  return guard_anywhere([&] { release(handle); });
}

// ---------------------------------------------------------------------------------------------------
// Files

int32_t salient_map(const uint8_t* path, uint32_t length, uint32_t* out, double* reals) {
  return guard([&] {
    check_buffer(path, "the path");
    check_buffer(out, "the handle");
    check_buffer(reals, "the length");
    const std::string name(reinterpret_cast<const char*>(path), length);
    if (name.empty() || name.find('\0') != std::string::npos) fail(SALIENT_FILE, "The path is not valid");
    auto file = std::make_shared<File>();
    file->descriptor = open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (file->descriptor < 0) fail(SALIENT_FILE, "Cannot open the file: %s", std::strerror(errno));
    struct stat found{};
    if (fstat(file->descriptor, &found) != 0) fail(SALIENT_FILE, "Cannot read: %s", std::strerror(errno));
    if (!S_ISREG(found.st_mode)) fail(SALIENT_FILE, "It is not a regular file");
    file->bytes = static_cast<size_t>(found.st_size);
    if (file->bytes > 0) {
      void* data = mmap(nullptr, file->bytes, PROT_READ, MAP_PRIVATE, file->descriptor, 0);
      if (data == MAP_FAILED) fail(SALIENT_FILE, "Cannot map the file: %s", std::strerror(errno));
      file->data = static_cast<uint8_t*>(data);
#if defined(POSIX_FADV_SEQUENTIAL)
      // Of the file and not of the mapping: there it would make the kernel map pages one at a time.
      posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
    }
    reals[0] = static_cast<double>(file->bytes);
    out[0] = publish(std::move(file));
  });
}

int32_t salient_file_tensor(uint32_t handle, uint64_t offset, uint32_t dtype, const uint32_t* shape, uint32_t rank,
                            uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const std::shared_ptr<File> file = file_at(handle);
    const DType type = checked_dtype(dtype);
    auto view = std::make_shared<Tensor>(type, checked_shape(shape, rank));
    check_range(*file, offset, view->bytes);
    if (view->bytes == 0) {
      out[0] = publish(new_tensor(type, view->shape));
    } else if (offset % element_bytes(type) != 0) {
      // Kernels read whole elements, so these bytes are moved to where elements may begin.
      const TensorRef copy = new_tensor(type, view->shape);
      copy_in(copy->data, file->data + offset, copy->bytes);
      out[0] = publish(copy);
    } else {
      view->file = file;
      view->data = file->data + offset;
      out[0] = publish(std::move(view));
    }
  });
}

int32_t salient_file_release(uint32_t handle, uint64_t offset, uint64_t length) {
  return guard([&] {
    const std::shared_ptr<File> file = file_at(handle);
    check_range(*file, offset, length);
    // Only whole pages inside the range: the neighbours' pages stay.
    const uint64_t page = page_size();
    const uint64_t begin = (offset + page - 1) / page * page;
    const uint64_t end = offset + length == file->bytes ? file->bytes : (offset + length) / page * page;
    if (end > begin) madvise(file->data + begin, end - begin, MADV_DONTNEED);
    forget_resident(*file, offset, length);
  });
}

// ---------------------------------------------------------------------------------------------------
// Tensors

int32_t salient_zeros(uint32_t dtype, const uint32_t* shape, uint32_t rank, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    out[0] = publish(new_tensor(checked_dtype(dtype), checked_shape(shape, rank), true));
  });
}

int32_t salient_upload(const uint8_t* data, uint64_t bytes, uint32_t dtype, const uint32_t* shape, uint32_t rank,
                       uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const TensorRef tensor = new_tensor(checked_dtype(dtype), checked_shape(shape, rank));
    if (bytes != tensor->bytes) {
      fail(SALIENT_INVALID, "%s %s takes %zu bytes but %llu were given", dtype_name(tensor->dtype),
           shape_text(tensor->shape).c_str(), tensor->bytes, static_cast<unsigned long long>(bytes));
    }
    if (bytes > 0) {
      check_buffer(data, "the data");
      copy_in(tensor->data, data, bytes);
    }
    out[0] = publish(tensor);
  });
}

int32_t salient_download(uint32_t handle, float* data, uint64_t count) {
  return guard([&] {
    const TensorRef tensor = tensor_at(handle, "tensor");
    if (count != tensor->size) {
      fail(SALIENT_INVALID, "The tensor has %zu elements, not %llu", tensor->size,
           static_cast<unsigned long long>(count));
    }
    if (count == 0) return;
    check_buffer(data, "the values");
    if (is_float(tensor->dtype)) {
      if (tensors_are_host_memory()) {
        convert(tensor->data, tensor->dtype, data, DType::F32, count);
      } else if (tensor->dtype == DType::F32) {
        copy_out(data, tensor->data, tensor->bytes);
      } else {
        const TensorRef wide = new_tensor(DType::F32, tensor->shape);
        convert(tensor->data, tensor->dtype, wide->data, DType::F32, count);
        copy_out(data, wide->data, wide->bytes);
      }
      return;
    }
    std::vector<uint8_t> bytes(tensor->bytes);
    copy_out(bytes.data(), tensor->data, tensor->bytes);
    for (size_t i = 0; i < count; i++) data[i] = whole_number(bytes.data(), tensor->dtype, i);
  });
}

int32_t salient_download_bytes(uint32_t handle, uint8_t* data, uint64_t bytes) {
  return guard([&] {
    const TensorRef tensor = stored_at(handle, "tensor");
    if (bytes != tensor->bytes) {
      fail(SALIENT_INVALID, "The tensor has %zu bytes, not %llu", tensor->bytes,
           static_cast<unsigned long long>(bytes));
    }
    if (bytes == 0) return;
    check_buffer(data, "the bytes");
    if (tensor->file != nullptr) std::memcpy(data, tensor->data, bytes);
    else copy_out(data, tensor->data, bytes);
  });
}

int32_t salient_rows(uint32_t handle, uint32_t start, uint32_t count, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const TensorRef tensor = stored_at(handle, "tensor");
    if (tensor->shape.empty() || start > tensor->shape[0] || count > tensor->shape[0] - start) {
      fail(SALIENT_INVALID, "Rows %u to %llu are not all in %s", start,
           static_cast<unsigned long long>(start) + count, shape_text(tensor->shape).c_str());
    }
    std::vector<uint32_t> shape = tensor->shape;
    shape[0] = count;
    out[0] = publish(view_of(*tensor, std::move(shape), start * row_bytes(*tensor)));
  });
}

int32_t salient_reshape(uint32_t handle, const uint32_t* shape, uint32_t rank, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const TensorRef tensor = stored_at(handle, "tensor");
    const TensorRef view = view_of(*tensor, checked_shape(shape, rank), 0);
    if (view->size != tensor->size) {
      fail(SALIENT_INVALID, "%s and %s do not have as many elements", shape_text(tensor->shape).c_str(),
           shape_text(view->shape).c_str());
    }
    out[0] = publish(view);
  });
}

int32_t salient_cast(uint32_t handle, uint32_t dtype, uint32_t* out) {
  return guard([&] {
    check_buffer(out, "the handle");
    const TensorRef tensor = tensor_at(handle, "tensor");
    const DType type = checked_dtype(dtype);
    if (!is_float(tensor->dtype)) fail(SALIENT_INVALID, "Cannot cast %s", dtype_name(tensor->dtype));
    if (type != DType::F32 && type != DType::F16 && type != DType::BF16) {
      fail(SALIENT_INVALID, "Cannot cast to %s", dtype_name(type));
    }
    const TensorRef result = new_tensor(type, tensor->shape);
    convert(tensor->data, tensor->dtype, result->data, type, tensor->size);
    out[0] = publish(result);
  });
}

int32_t salient_copy_rows(uint32_t source_handle, uint32_t target_handle, uint32_t row) {
  return guard([&] {
    const TensorRef source = tensor_at(source_handle, "source");
    const TensorRef target = tensor_at(target_handle, "target", source->dtype);
    check_writable(*target, "target");
    const bool fits = !source->shape.empty() && !target->shape.empty() && row <= target->shape[0] &&
                      source->shape[0] <= target->shape[0] - row &&
                      row_bytes(*source) == row_bytes(*target);
    if (!fits) {
      fail(SALIENT_INVALID, "The rows of %s do not fit into %s from row %u", shape_text(source->shape).c_str(),
           shape_text(target->shape).c_str(), row);
    }
    if (source->bytes == 0) return;
    copy_rows(target->data, target->shape[0], row, source->data, source->shape[0], row_bytes(*target));
  });
}
