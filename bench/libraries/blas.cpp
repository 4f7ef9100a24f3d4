// OpenBLAS and BLIS as contestants: `blas THREADS openblas|blis`. They are opened, not linked, so that one program does
// and what the environment says of their kernels is cleared before they read it.
#include <dlfcn.h>

#include "contestant.h"

namespace {

using Sgemm = void (*)(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
                       const int*, const float*, const int*, const float*, float*, const int*);
using Sbgemm = void (*)(const char*, const char*, const int*, const int*, const int*, const float*, const Bf16*,
                        const int*, const Bf16*, const int*, const float*, float*, const int*);

// Row-major y = x W^T is column-major y^T = W x^T, W transposed.
template <class T, class Function>
class Product final : public Prepared {
 public:
  Product(Function product, const Work& work, Buffer<T> x, Buffer<T> w)
      : product_(product), T_(static_cast<int>(work.T)), N_(static_cast<int>(work.N)), K_(static_cast<int>(work.K)),
        x_(std::move(x)), w_(std::move(w)) {}
  void run(float* y) override {
    const float one = 1, zero = 0;
    product_("T", "N", &N_, &T_, &K_, &one, w_.data(), &K_, x_.data(), &K_, &zero, y, &N_);
  }

 private:
  Function product_;
  int T_, N_, K_;
  Buffer<T> x_, w_;
};

class Blas final : public Library {
 public:
  Blas(const std::string& name, int threads) : openblas_(name == "openblas"), threads_(threads) {
    library_ = dlopen(openblas_ ? "libopenblas.so.0" : "libblis.so.4", RTLD_NOW);
    if (library_ == nullptr) throw std::runtime_error(name + " is not installed");
    sgemm_ = find<Sgemm>("sgemm_");
    sbgemm_ = find<Sbgemm>("sbgemm_");
    if (sgemm_ == nullptr) throw std::runtime_error(name + " has no sgemm");
    if (openblas_) {
      if (const auto set = find<void (*)(int)>("openblas_set_num_threads")) set(threads);
    } else if (const auto set = find<void (*)(int64_t)>("bli_thread_set_num_threads")) {
      set(threads);
    }
  }

  bool has_bf16() override { return sbgemm_ != nullptr; }

  std::string about() override {
    std::string text = openblas_ ? "" : "BLIS ";
    if (const auto version = find<const char* (*)()>(openblas_ ? "openblas_get_config" : "bli_info_get_version_str")) {
      text += version();
    }
    text += ", kernel " + kernel() + ", " + contestant::threads(threads_);
    return text + (has_bf16() ? "" : ", no product of bf16 (sbgemm)");
  }

  std::unique_ptr<Prepared> prepare(const Work& work, Buffer<float> x, Buffer<float> w) override {
    if (!work.bf16) {
      return std::make_unique<Product<float, Sgemm>>(sgemm_, work, std::move(x), std::move(w));
    }
    if (!has_bf16()) throw std::runtime_error("It has no product of bf16");
    return std::make_unique<Product<Bf16, Sbgemm>>(sbgemm_, work, to_bf16(x), to_bf16(w));
  }

 private:
  template <class F>
  F find(const char* name) {
    return reinterpret_cast<F>(dlsym(library_, name));
  }

  std::string kernel() {
    if (openblas_) {
      const auto name = find<const char* (*)()>("openblas_get_corename");
      return name == nullptr ? "unknown" : name();
    }
    const auto id = find<int (*)()>("bli_arch_query_id");
    const auto name = find<const char* (*)(int)>("bli_arch_string");
    return id == nullptr || name == nullptr ? "unknown" : name(id());
  }

  bool openblas_;
  int threads_;
  void* library_;
  Sgemm sgemm_;
  Sbgemm sbgemm_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS",
                           "BLIS_ARCH_TYPE", "BLIS_NUM_THREADS"}) {
    unsetenv(name);
  }
  try {
    Blas blas(argv[2], std::atoi(argv[1]));
    return contestant::serve(blas);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
