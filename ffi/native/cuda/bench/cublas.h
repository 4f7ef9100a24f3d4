// The peer: fp16 products of cuBLAS, opened at run time.
#pragma once

#include <dlfcn.h>

#include "bench.h"

namespace bench {

class Cublas {
 public:
  Cublas() {
    for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"}) {
      if (file_ == nullptr) file_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (file_ == nullptr) return;
    const auto create = find<int(void**)>("cublasCreate_v2");
    const auto set_stream = find<int(void*, cudaStream_t)>("cublasSetStream_v2");
    const auto set_workspace = find<int(void*, void*, size_t)>("cublasSetWorkspace_v2");
    gemm_ = find<Gemm>("cublasGemmEx");
    const bool whole = create != nullptr && set_stream != nullptr && set_workspace != nullptr && gemm_ != nullptr;
    if (!whole || create(&handle_) != 0 || set_stream(handle_, the_stream()) != 0) handle_ = nullptr;
    // A workspace of its own, so that calls can be captured.
    if (handle_ != nullptr) set_workspace(handle_, workspace_.as<void>(), workspace_.count());
  }
  bool found() const { return handle_ != nullptr; }

  // y [T, N] fp16 = x [T, K] w [N, K]^T, fp32 sums.
  void product(const void* x, const void* w, void* y, uint32_t T, uint32_t K, uint32_t N) const {
    constexpr int kHalf = 2, kTransposed = 1, kPlain = 0, kComputeReal32 = 68, kDefault = -1;
    const float one = 1, zero = 0;
    const int t = static_cast<int>(T), k = static_cast<int>(K), n = static_cast<int>(N);
    const int status = gemm_(handle_, kTransposed, kPlain, n, t, k, &one, w, kHalf, k, x, kHalf, k, &zero, y, kHalf, n,
                             kComputeReal32, kDefault);
    if (status == 0) return;
    std::fprintf(stderr, "cublasGemmEx: status %d\n", status);
    std::exit(1);
  }

 private:
  using Gemm = int(void*, int, int, int, int, int, const void*, const void*, int, int, const void*, int, int, const void*, void*, int,
                   int, int, int);
  template <class Function>
  Function* find(const char* name) const {
    return reinterpret_cast<Function*>(dlsym(file_, name));
  }
  void* file_ = nullptr;
  void* handle_ = nullptr;
  Gemm* gemm_ = nullptr;
  Bytes workspace_{size_t{64} << 20};
};

}  // namespace bench
