// Every operation behind the C interface, with threads and blocks in their order and in orders drawn by lot: the bits must
// be the same. Built with ThreadSanitizer (--races) it also says which of them have races. What they compute is compared
// with the reference backend in tests/ffi/cuda.
#include <functional>

#include "../../abi/elementwise.h"
#include "emulated_check.h"

namespace {

using salient::DType;
using salient::Grid;
using salient::Moment;

// What an operation gave, as bytes.
class Outcome {
 public:
  template <class T>
  void add(const Device<T>& memory) {
    for (const T& value : memory.read()) add(value);
  }
  template <class T>
  void add(const T& value) {
    const auto* at = reinterpret_cast<const unsigned char*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof value);
  }
  bool operator==(const Outcome&) const = default;

 private:
  std::vector<unsigned char> bytes_;
};

constexpr size_t N = 70, K = 96, T = 150, kGroup = 32, kGroups = K / kGroup;
const Grid kOpen{4, kGroup, false, DType::F16, true};
const Grid kEven{4, kGroup, true, DType::F32, true};

struct Inputs {
  std::vector<float> weights = normal(N * K), rows = normal(T * K);
  Device<float> w{weights}, x{rows}, gram{std::vector<float>(K * K)};
  Moment sample{true, x.get(), T, 1.0 / T}, whole{false, gram.get(), 0, 1.0};
  std::vector<float> scales = std::vector<float>(K);
  std::vector<uint32_t> channels = std::vector<uint32_t>(K);
  Inputs() {
    salient::accumulate_gram(x.get(), gram.get(), T, K);
    for (size_t k = 0; k < K; ++k) scales[k] = 0.5f + static_cast<float>(k % 7) / 4, channels[k] = static_cast<uint32_t>(k / 2);
  }
};

// Integers, scales and zero points of a weight.
struct Quantized {
  Device<uint8_t> codes{std::vector<uint8_t>(N * K)}, zeros{std::vector<uint8_t>(N * kGroups)};
  Device<float> scales{std::vector<float>(N * kGroups)};
  void add_to(Outcome& out) const { out.add(codes), out.add(zeros), out.add(scales); }
};

Outcome rounding(const Inputs& in) {
  Outcome out;
  for (const Grid& grid : {kOpen, kEven}) {
    Quantized q;
    salient::quantize(in.w.get(), DType::F32, grid, nullptr, q.codes.get(), q.scales.get(), q.zeros.get(), N, K);
    q.add_to(out);
    Device<float> back(N * K), fake(N * K);
    salient::dequantize(q.codes.get(), q.scales.get(), q.zeros.get(), grid, back.get(), N, K);
    salient::fake_quantize(in.w.get(), DType::F32, grid, in.scales.data(), fake.get(), N, K);
    out.add(back), out.add(fake), out.add(salient::largest_code(q.codes.get(), N * K));
    const uint8_t order[8] = {0, 4, 1, 5, 2, 6, 3, 7};
    Device<uint32_t> words(N * K / 8);
    salient::pack_int4(q.codes.get(), false, order, words.get(), N, K);
    salient::unpack_int4(words.get(), false, order, q.codes.get(), N, K);
    out.add(words), out.add(q.codes);
    for (const Moment& moment : {in.sample, in.whole}) {
      out.add(salient::quantization_loss(in.w.get(), DType::F32, moment, grid, q.codes.get(), q.scales.get(), q.zeros.get(), N, K));
      out.add(salient::output_energy(in.w.get(), DType::F32, moment, N, K));
    }
  }
  return out;
}

Outcome products(const Inputs& in) {
  Outcome out;
  Device<float> y(T * N), rounded(T * K);
  salient::linear(in.x.get(), in.w.get(), DType::F32, nullptr, y.get(), T, K, N, false);
  out.add(y);
  salient::linear(in.x.get(), in.w.get(), DType::F32, nullptr, y.get(), T, K, N, true);
  out.add(y);
  Quantized q;
  salient::quantize(in.w.get(), DType::F32, kOpen, nullptr, q.codes.get(), q.scales.get(), q.zeros.get(), N, K);
  salient::Packed* packed = salient::pack(q.codes.get(), q.scales.get(), q.zeros.get(), kOpen, N, K);
  for (const size_t tokens : {size_t{1}, size_t{20}, T}) {
    Device<float> some(tokens * N);
    salient::packed_linear(packed, in.x.get(), nullptr, some.get(), tokens);
    out.add(some);
    salient::packed_linear_rounded(packed, in.x.get(), nullptr, some.get(), tokens, 8, 0);
    out.add(some);
  }
  salient::free_packed(packed);
  salient::round_inputs(in.x.get(), rounded.get(), T, K, 8, 0);
  out.add(rounded);
  return out;
}

Outcome searches(const Inputs& in) {
  Outcome out;
  std::vector<float> candidates = in.scales;
  candidates.insert(candidates.end(), K, 1.0f);
  const Device<float> tried(candidates);
  for (const Grid& grid : {kOpen, kEven}) {
    for (const Moment& moment : {in.sample, in.whole}) {
      double losses[2];
      salient::scale_losses(in.w.get(), DType::F32, moment, grid, tried.get(), 2, losses, N, K);
      std::vector<double> gradient(K);
      out.add(losses), out.add(salient::scale_gradient(in.w.get(), DType::F32, moment, grid, in.scales.data(), gradient.data(), N, K));
      for (const double value : gradient) out.add(value);
      Device<float> bounds(N * kGroups);
      out.add(salient::clip_search(in.w.get(), DType::F32, moment, grid, 5, 0.5f, bounds.get(), N, K)), out.add(bounds);
      Quantized q;
      out.add(salient::search_ranges(in.w.get(), DType::F32, moment, grid, 4, 0.4f, 2, q.codes.get(), q.scales.get(), q.zeros.get(), N, K));
      q.add_to(out);
    }
    const void* weights[] = {in.w.get()};
    const DType types[] = {DType::F32};
    const size_t rows[] = {N};
    const float factors[] = {0.9f, 1.0f, 1.1f};
    double losses[2];
    std::vector<float> s = in.scales;
    salient::refine_scales(weights, types, rows, 1, in.gram.get(), grid, factors, 3, in.channels.data(), s.data(), losses, K);
    out.add(losses);
    for (const float value : s) out.add(value);
  }
  return out;
}

Outcome compensation(const Inputs& in) {
  Outcome out;
  for (const bool dynamic : {false, true}) {
    bool finite = false;
    salient::Factor* factor =
        salient::factor_gram(in.gram.get(), K, dynamic ? salient::Order::Groups : salient::Order::Activation, kGroup, 0.01, 3, &finite);
    check(factor != nullptr, "a factor of the Gram");
    if (factor == nullptr) continue;
    Quantized q;
    out.add(salient::compensate(in.w.get(), DType::F32, *factor, kOpen, dynamic, nullptr, nullptr, q.codes.get(), q.scales.get(),
                                q.zeros.get(), N));
    q.add_to(out);
    salient::free_factor(factor);
  }
  return out;
}

Outcome statistics(const Inputs& in) {
  Outcome out;
  Device<double> sums(std::vector<double>(K, 0.0));
  Device<float> maxima(std::vector<float>(K, 0.0f));
  salient::accumulate_abs(in.x.get(), sums.get(), maxima.get(), T, K);
  out.add(sums), out.add(maxima);
  std::vector<float> means(K);
  salient::relative_magnitude(in.w.get(), DType::F32, kGroup, means.data(), N, K);
  for (const float mean : means) out.add(mean);
  std::vector<float> holes = in.weights;
  for (size_t n = 0; n < N; ++n) holes[n * K + 5] = 0, holes[n * K + 6] = NAN;
  const Device<float> w(holes);
  const salient::Summary found = salient::summarize(w.get(), DType::F32, N, K);
  check(found.zero_columns == 1 && found.non_finite == N, "columns without use and without numbers are counted");
  out.add(found.abs_max), out.add(found.zero_columns), out.add(found.non_finite);
  return out;
}

Outcome layers(const Inputs& in) {
  Outcome out;
  Device<float> y(T * K), x(in.rows), norm(in.scales);
  salient::rms_norm(in.x.get(), norm.get(), DType::F32, y.get(), T, K, 1e-5, 1.0);
  out.add(y);
  salient::layer_norm(in.x.get(), norm.get(), DType::F32, nullptr, DType::F32, y.get(), T, K, 1e-5);
  out.add(y);
  const Device<float> table(std::vector<float>(in.rows.begin(), in.rows.begin() + T * 32));
  salient::rope(x.get(), table.get(), T, T, 3, 32, 1, 0, 32, false);
  salient::gated_activation(in.x.get(), x.get(), y.get(), T * K, salient::Activation::Silu);
  salient::activate(x.get(), T * K, salient::Activation::Gelu), salient::softcap(y.get(), T * K, 3);
  salient::add_in_place(x.get(), y.get(), T * K);
  out.add(x), out.add(y);
  std::vector<int32_t> rows(T), targets(T);
  for (size_t t = 0; t < T; ++t) rows[t] = static_cast<int32_t>(t % 9), targets[t] = static_cast<int32_t>(t % K) - 1;
  const std::vector<float> factors(T, 0.5f);
  salient::add_rows(x.get(), y.get(), rows.data(), factors.data(), T, K);
  std::vector<double> losses(T);
  salient::negative_log_likelihood(x.get(), targets.data(), losses.data(), T, K);
  out.add(x);
  for (const double loss : losses) out.add(loss);
  salient::AttentionShape shape{6, 2, 16, 2, T / 2, T / 2, 0.25f, 20, 0};
  Device<float> attended(T * K);
  salient::attention(in.x.get(), x.get(), y.get(), attended.get(), shape);
  out.add(attended);
  return out;
}

}  // namespace

int main() {
  const Inputs in;
  const std::pair<const char*, Outcome (*)(const Inputs&)> operations[] = {
      {"rounding", rounding},         {"products", products},     {"searches", searches},
      {"compensation", compensation}, {"statistics", statistics}, {"layers", layers},
  };
  for (const auto& [name, operation] : operations) {
    simt::draw_order(0);
    const Outcome first = operation(in);
    for (const unsigned seed : {1u, 2u}) {
      simt::draw_order(seed);
      check(operation(in) == first, std::string(name) + " in another order");
    }
  }
  return finish("operations_test");
}
