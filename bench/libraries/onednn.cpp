// oneDNN as a contestant: `onednn THREADS plain|rearranged`. Rearranged: the weight is laid out before the product as the
// library likes it best, in a copy.
#include <omp.h>

#include <dnnl.hpp>

#include "contestant.h"

namespace {

using dnnl::memory;

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const Work& work, bool rearranged) {
  const auto type = work.bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  const auto layout = rearranged ? memory::format_tag::any : memory::format_tag::ba;
  const memory::desc x({work.T, work.K}, type, memory::format_tag::ab), w({work.K, work.N}, type, layout);
  const memory::desc y({work.T, work.N}, memory::data_type::f32, memory::format_tag::ab);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, x, w, y};
#else
  return {dnnl::matmul::desc(x, w, y), engine};
#endif
}

template <class T>
class Product final : public Prepared {
 public:
  Product(const dnnl::engine& engine, const Work& work, Buffer<T> x, Buffer<T> w, bool rearranged)
      : x_(std::move(x)), w_(std::move(w)), stream_(engine) {
    const auto how = describe(engine, work, rearranged);
    product_ = dnnl::matmul(how);
    const auto type = work.bf16 ? memory::data_type::bf16 : memory::data_type::f32;
    memory weight({{work.K, work.N}, type, memory::format_tag::ba}, engine, w_.data());
    if (how.weights_desc() != weight.get_desc()) {
      memory other(how.weights_desc(), engine);
      dnnl::reorder(weight, other).execute(stream_, weight, other);
      stream_.wait();
      weight = other;
    }
    y_ = memory(how.dst_desc(), engine, nullptr);
    arguments_ = {{DNNL_ARG_SRC, memory(how.src_desc(), engine, x_.data())}, {DNNL_ARG_WEIGHTS, weight}};
  }
  void run(float* y) override {
    y_.set_data_handle(y);
    arguments_[DNNL_ARG_DST] = y_;
    product_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  Buffer<T> x_, w_;
  dnnl::stream stream_;
  dnnl::matmul product_;
  memory y_;
  std::unordered_map<int, memory> arguments_;
};

class OneDnn final : public Library {
 public:
  OneDnn(bool rearranged, int threads) : rearranged_(rearranged), threads_(threads), engine_(dnnl::engine::kind::cpu, 0) {
    omp_set_num_threads(threads);
  }

  bool has_bf16() override { return true; }

  std::string about() override {
    const dnnl_version_t* v = dnnl_version();
    std::ostringstream text;
    text << "oneDNN " << v->major << "." << v->minor << "." << v->patch << (rearranged_ ? ", weights rearranged" : "")
         << ", kernels " << describe(engine_, {false, 256, 2048, 2048}, rearranged_).impl_info_str() << " (fp32) and "
         << describe(engine_, {true, 256, 2048, 2048}, rearranged_).impl_info_str() << " (bf16), " << contestant::threads(threads_);
    return text.str();
  }

  std::unique_ptr<Prepared> prepare(const Work& work, Buffer<float> x, Buffer<float> w) override {
    if (!work.bf16) {
      return std::make_unique<Product<float>>(engine_, work, std::move(x), std::move(w), rearranged_);
    }
    return std::make_unique<Product<Bf16>>(engine_, work, to_bf16(x), to_bf16(w), rearranged_);
  }

 private:
  bool rearranged_;
  int threads_;
  dnnl::engine engine_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    OneDnn library(std::string(argv[2]) == "rearranged", std::atoi(argv[1]));
    return contestant::serve(library);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
