// libxsmm as a contestant: `libxsmm THREADS`. It makes kernels of small products and sums of them; the blocks, the order in
// which they are done and the threads are the caller's, so they are here. Weights are rearranged into blocks before the
// product, x inside it.
#include <libxsmm.h>
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "contestant.h"

namespace {

constexpr int64_t kIn = 256;  // inputs of a block: a kernel sums several
constexpr int64_t kTokens = 32;

using Fp32Kernel = libxsmm_smmfunction_reducebatch_strd;
using Bf16Kernel = libxsmm_bsmmfunction_reducebatch_strd;

template <class T>
auto make_kernel(int64_t outputs, int64_t tokens, int64_t ldc, int flags) {
  const auto m = static_cast<libxsmm_blasint>(outputs), n = static_cast<libxsmm_blasint>(tokens);
  const auto k = static_cast<libxsmm_blasint>(kIn), c = static_cast<libxsmm_blasint>(ldc);
  const auto stride_a = static_cast<libxsmm_blasint>(outputs * kIn * sizeof(T));
  const auto stride_b = static_cast<libxsmm_blasint>(tokens * kIn * sizeof(T));
  const float one = 1, beta = 0;
  if constexpr (sizeof(T) == 4) {
    return libxsmm_smmdispatch_reducebatch_strd(m, n, k, stride_a, stride_b, &m, &k, &c, &one, &beta, &flags, nullptr);
  } else {
    return libxsmm_bsmmdispatch_reducebatch_strd(m, n, k, stride_a, stride_b, &m, &k, &c, &one, &beta, &flags, nullptr);
  }
}

template <class T>
class Product final : public Prepared {
 public:
  Product(const Work& work, Buffer<T> x, const Buffer<T>& w)
      : work_(work), out_(work.N % 64 == 0 ? 64 : 32), x_(std::move(x)), blocks_(work.T * work.K), w_(work.N * work.K) {
    // [N / out_][K / kIn] blocks of [kIn / pair][out_][pair]: pairs of inputs lie together in bf16.
    constexpr int64_t pair = 4 / sizeof(T);
    for (int64_t n = 0; n < work.N; ++n) {
      for (int64_t k = 0; k < work.K; ++k) {
        const int64_t block = n / out_ * (work.K / kIn) + k / kIn;
        w_[block * out_ * kIn + k % kIn / pair * out_ * pair + n % out_ * pair + k % pair] = w[n * work.K + k];
      }
    }
    full_ = make_kernel<T>(out_, kTokens, work.N, flags());
    if (work.T % kTokens != 0) last_ = make_kernel<T>(out_, work.T % kTokens, work.N, flags());
    if (full_ == nullptr || (work.T % kTokens != 0 && last_ == nullptr)) {
      throw std::runtime_error("libxsmm makes no such kernel for this processor");
    }
  }

  void run(float* y) override {
    const int64_t rows = (work_.T + kTokens - 1) / kTokens, columns = work_.N / out_;
    const auto sums = static_cast<unsigned long long>(work_.K / kIn);
#pragma omp parallel
    {
#pragma omp for
      for (int64_t row = 0; row < rows; ++row) rearrange(row * kTokens);
#pragma omp for
      for (int64_t column = 0; column < columns; ++column) {
        for (int64_t row = 0; row < rows; ++row) {
          const int64_t t = row * kTokens;
          const auto kernel = t + kTokens <= work_.T ? full_ : last_;
          kernel(w_.data() + column * out_ * work_.K, blocks_.data() + t * work_.K, y + t * work_.N + column * out_, &sums);
        }
      }
    }
  }

 private:
  static int flags() { return LIBXSMM_GEMM_FLAG_BETA_0 | (sizeof(T) == 2 ? LIBXSMM_GEMM_FLAG_VNNI_A : 0); }

  // Some tokens of x to [K / kIn] blocks of [tokens][kIn].
  void rearrange(int64_t first) {
    const int64_t tokens = std::min(kTokens, work_.T - first);
    for (int64_t k = 0; k < work_.K; k += kIn) {
      for (int64_t t = 0; t < tokens; ++t) {
        std::memcpy(blocks_.data() + first * work_.K + k * tokens + t * kIn, x_.data() + (first + t) * work_.K + k,
                    kIn * sizeof(T));
      }
    }
  }

  Work work_;
  int64_t out_;  // outputs of a kernel
  Buffer<T> x_, blocks_, w_;
  decltype(make_kernel<T>(0, 0, 0, 0)) full_ = nullptr, last_ = nullptr;
};

class Xsmm final : public Library {
 public:
  explicit Xsmm(int threads) : threads_(threads) {
    libxsmm_init();
    omp_set_num_threads(threads);
  }
  ~Xsmm() override { libxsmm_finalize(); }

  bool has_bf16() override { return true; }

  std::string about() override {
    return std::string("libxsmm ") + LIBXSMM_VERSION + ", weights rearranged, kernel " + libxsmm_get_target_arch() + ", " +
           contestant::threads(threads_);
  }

  std::unique_ptr<Prepared> prepare(const Work& work, Buffer<float> x, Buffer<float> w) override {
    if (work.N % 32 != 0 || work.K % kIn != 0) throw std::runtime_error("The sizes do not fit the blocks");
    if (!work.bf16) return std::make_unique<Product<float>>(work, std::move(x), w);
    return std::make_unique<Product<Bf16>>(work, to_bf16(x), to_bf16(w));
  }

 private:
  int threads_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  Xsmm library(std::atoi(argv[1]));
  return contestant::serve(library);
}
