// Packed weights: layout, unpacking and products of every shape of block, against sums in fp64.
#include "emulated_check.h"

#include "../kernels/packed_dequantize.h"
#include "../kernels/packed_layout.h"

namespace {

struct Weight {
  uint32_t N, K, group, bits;
  std::vector<uint8_t> codes, zeros;
  std::vector<float> scales;
  double value(size_t n, size_t k) const {
    const size_t at = n * (K / group) + k / group;
    return (static_cast<int>(codes[n * K + k]) - static_cast<int>(zeros[at])) * static_cast<double>(scales[at]);
  }
};

Weight weight(uint32_t N, uint32_t K, uint32_t group, uint32_t bits, bool symmetric) {
  Weight w{N, K, group, bits, std::vector<uint8_t>(N * K), std::vector<uint8_t>(N * (K / group)), {}};
  for (auto& code : w.codes) code = static_cast<uint8_t>(random_bits() >> (32 - bits));
  for (auto& zero : w.zeros) zero = symmetric ? 1 << (bits - 1) : static_cast<uint8_t>(random_bits() >> (32 - bits));
  // Both ends, and one more than fits, which a format that stores zero points less one can say.
  if (!symmetric) w.zeros.front() = 0, w.zeros.back() = static_cast<uint8_t>(std::min(255u, 1u << bits));
  for (float& scale : w.scales = normal(w.zeros.size(), 0.01f)) scale = f16_to_float(f16_of(std::fabs(scale) + 0.001f));
  return w;
}

std::string text(const Weight& w) {
  return std::to_string(w.N) + "x" + std::to_string(w.K) + " group " + std::to_string(w.group) + " bits " + std::to_string(w.bits);
}

struct PackedOnDevice {
  PackedLayout layout;
  Device<unsigned char> data;
  explicit PackedOnDevice(const Weight& w) : layout(packed_layout(w.N, w.K, w.group, w.bits)), data(layout.bytes) {
    const Device<uint8_t> codes(w.codes), zeros(w.zeros);
    const Device<float> scales(w.scales);
    pack(layout, codes.get(), scales.get(), zeros.get(), data.get());
  }
};

void test_layout() {
  const uint32_t shapes[][3] = {{16, 64, 64}, {5, 24, 8}, {40, 192, 96}, {33, 200, 100}, {17, 160, 160}, {19, 7, 7}};
  for (const auto& [N, K, group] : shapes) {
    for (const uint32_t bits : {2u, 3u, 4u, 5u, 8u}) {
      const Weight w = weight(N, K, group, bits, false);
      const PackedOnDevice packed(w);
      std::vector<unsigned char> host(packed.layout.bytes, 0xee);
      pack_on_host(packed.layout, w.codes.data(), w.scales.data(), w.zeros.data(), host.data());
      check(host == packed.data.read(), "host and device packing differ: " + text(w));
      const uint32_t first = N / 3, rows = N - first - N / 5, stride = K + 8 - K % 8;
      for (const Element type : {Element::F32, Element::F16, Element::BF16}) {
        const Device<unsigned char> out(size_t{rows} * stride * (type == Element::F32 ? 4 : 2));
        unpack(packed.layout, packed.data.get(), first, rows, type, out.get(), stride);
        const auto values = floats(type, out.read());
        bool good = true;
        for (size_t n = 0; n < rows; ++n) {
          for (size_t k = 0; k < stride; ++k) {
            const auto want = k < K ? static_cast<float>(w.value(first + n, k)) : 0.0f;
            const auto typed_want = typed(type, {want}).values[0];
            good = good && values[n * stride + k] == typed_want;
          }
        }
        check(good, std::string("unpacked values: ") + name_of(type) + " " + text(w));
      }
    }
  }
  check(packed_layout(4096, 4096, 128, 2).bytes == 4096 * 4096 / 4 + 4096 * 32 * 4, "bytes of 2 bits");
  check(packed_layout(4096, 4096, 128, 3).bytes == 4096 * 4096 / 8 * 3 + 4096 * 32 * 4, "bytes of 3 bits");
  check(packed_layout(4096, 4096, 128, 4).bytes == 4096 * 4096 / 2 + 4096 * 32 * 4, "bytes of 4 bits");
  check(meta_word(1.0f, 7) == 0x3f800007 && meta_word(f16_to_float(0x3555), 255) == (0x3eaaa000u | 255), "scale and zero in a word");
}

// The words of a chunk of 16 rows that are zero but for one code.
std::vector<uint32_t> words_of(uint32_t bits, uint32_t row, uint32_t input, uint8_t code) {
  Weight one{16, 64, 64, bits, std::vector<uint8_t>(16 * 64), std::vector<uint8_t>(16), std::vector<float>(16, 1.0f)};
  one.codes[row * 64 + input] = code;
  const PackedLayout layout = packed_layout(16, 64, 64, bits);
  std::vector<uint32_t> words(layout.bytes / 4);
  pack_on_host(layout, one.codes.data(), one.scales.data(), one.zeros.data(), words.data());
  words.resize(layout.meta_offset / 4);
  return words;
}

// Places by hand. Row 9, input 21 of unit 1: lane 4 (9 % 8) + 21 / 8 = 6, register 1 + 2 (21 % 4 / 2) = 1, half 1, step 1.
void test_places() {
  const auto only = [](const std::vector<uint32_t>& words, std::vector<std::pair<size_t, uint32_t>> there, const char* what) {
    std::vector<uint32_t> want(words.size());
    for (const auto& [at, word] : there) want[at] = word;
    check(words == want, what);
  };
  only(words_of(4, 9, 32 + 21, 15), {{6 * 4 + 1 * 2 + 1, 0xfu << 4 * (1 + 4 * 1)}}, "place of 4 bits");
  only(words_of(8, 9, 32 + 21, 255), {{(32 + 6) * 4 + 2, 0xffu << 24}}, "place of 8 bits");
  only(words_of(2, 9, 32 + 21, 3), {{6 * 2 + 1, 3u << (8 + 4 + 16)}}, "place of 2 bits");
  only(words_of(3, 9, 32 + 21, 7), {{64 + 6, 7u << (12 + 16)}}, "place of 3 bits");
  // Two inputs on is register 3: the pair that is cut in three.
  only(words_of(3, 9, 32 + 23, 7), {{6 * 2, 1u << 31}, {6 * 2 + 1, 1u << 31}, {64 + 6, 1u << 31}}, "place of a cut pair");
  only(words_of(3, 9, 32 + 22, 2), {{6 * 2 + 1, 1u << 15}}, "bit of a cut pair");
  only(words_of(3, 0, 0, 7), {{0, 7}}, "place of the first code of 3 bits");
  only(words_of(3, 8, 2, 7), {{1, 7 << 6}}, "place of 3 bits in a second word");
}

template <class Half, int container>
void test_dequantizing(const char* what) {
  const auto value = [](uint32_t half) { return Half::one == 0x3c00 ? f16_to_float(half) : bf16_to_float(half); };
  uint32_t wrong = 0;
  for (uint32_t z = 0; z <= std::min(255u, 1u << container); ++z) {
    ZeroPoints<Half, container> zeros;
    zeros.set(z, (z * 5 + 3) & ((1 << container) - 1));
    for (uint32_t q = 0; q < 1u << container; ++q) {
      uint32_t words[container] = {};
      const auto code = [&](uint32_t i) { return (q + 3 * i) & ((1u << container) - 1); };
      for (uint32_t i = 0; i < 32; ++i) put_code<container>(words, i / 16, i / 8 % 2, i / 2 % 4, i % 2, code(i));
      for (int unit = 0; unit < 2; ++unit) {
        for (int step = 0; step < 2; ++step) {
          uint32_t a[4];
          zeros.registers(a, words + (container == 8 ? 4 * unit : 0), unit, step);
          for (uint32_t i = 0; i < 8; ++i) {
            const uint32_t zero = i / 2 % 2 == 0 ? z : (z * 5 + 3) & ((1 << container) - 1);
            const float want = static_cast<float>(code(16 * unit + 8 * step + i)) - static_cast<float>(zero);
            // Of a byte less a zero point bf16 keeps 8 bits, by cutting the rest off.
            const bool cut = container == 8 && Half::one != 0x3c00 && std::fabs(want) > 256;
            wrong += !cut && value(a[i / 2] >> 16 * (i % 2) & 0xffff) != want;
          }
        }
      }
    }
  }
  check(wrong == 0, std::string("dequantizing of ") + what + ": " + std::to_string(wrong) + " wrong");
}

void test_product(const Weight& w, const PackedOnDevice& packed, uint32_t T, Element x_type, Element y_type, bool bias) {
  const std::string what = std::to_string(T) + " " + name_of(x_type) + " to " + name_of(y_type) + ", " + text(w);
  std::vector<float> raw = normal(size_t{T} * w.K);
  for (size_t t = 0; t < T; ++t) {
    // Rows of very different size, beyond the range of fp16 where x is fp32.
    const float size = x_type == Element::F32 && y_type != Element::F16 ? std::ldexp(1.0f, static_cast<int>(t % 5) * 12 - 20) : 1.0f;
    for (size_t k = 0; k < w.K; ++k) raw[t * w.K + k] = (raw[t * w.K + k] + 0.25f) * size;
  }
  const Typed x = typed(x_type, raw);
  const std::vector<float> b = normal(w.N);
  const Device<unsigned char> x_device(x.bytes), y_device(size_t{T} * w.N * (y_type == Element::F32 ? 4 : 2));
  const Device<float> bias_device(b);
  const TestWorkspace workspace(packed_linear_workspace(packed.layout, x_type, T));
  packed_linear(packed.layout, packed.data.get(), x_device.get(), x_type, bias ? bias_device.get() : nullptr, y_device.get(),
                y_type, T, workspace.get());
  check(workspace.clean(), what + ": counters or copies left");
  std::vector<float> y = floats(y_type, y_device.read());
  std::vector<double> want(y.size());
  for (size_t t = 0; t < T; ++t) {
    double size = 1e-30;
    for (size_t n = 0; n < w.N; ++n) {
      double sum = bias ? b[n] : 0, squares = 0;
      for (size_t k = 0; k < w.K; ++k) {
        const double term = x.values[t * w.K + k] * w.value(n, k);
        sum += term, squares += term * term;
      }
      want[t * w.N + n] = sum;
      size = std::max(size, std::max(std::fabs(sum), std::sqrt(squares)));
    }
    for (size_t n = 0; n < w.N; ++n) want[t * w.N + n] /= size, y[t * w.N + n] /= static_cast<float>(size);
  }
  const double error = mean_error(y, want);
  check(error < 1e-3 + rounding(y_type), what + ": error " + std::to_string(error));
}

void test_products() {
  const uint32_t shapes[][3] = {{16, 64, 32}, {1, 7, 7}, {35, 192, 96}, {130, 512, 128}, {50, 300, 100}, {300, 384, 64}, {33, 520, 520}, {20, 1280, 32}};
  const Element types[] = {Element::F16, Element::BF16, Element::F32};
  uint32_t round = 0;
  for (const auto& [N, K, group] : shapes) {
    for (const uint32_t bits : {4u, 8u, 3u, 2u}) {
      const Weight w = weight(N, K, group, bits, round % 3 == 1);
      const PackedOnDevice packed(w);
      for (const uint32_t T : {1u, 2u, 3u, 8u, 9u, 16u, 23u, 40u, 65u, 131u}) {
        if (size_t{T} * N * K > 3'000'000 && (round + T) % 3 != 0) continue;
        emulated_multiprocessors = round % 2 == 0 ? 1 : 40;
        test_product(w, packed, T, types[(round + T) % 3], types[(round / 3 + T) % 3], round % 2 == 0);
        ++round;
      }
    }
  }
}

// Every configuration gives the same bits again, whether or not the inputs are split among blocks.
void test_determinism() {
  const Weight w = weight(48, 2048, 128, 4, false);
  const PackedOnDevice packed(w);
  const Typed x = typed(Element::F16, normal(8 * 2048));
  const Device<unsigned char> x_device(x.bytes);
  emulated_multiprocessors = 100;
  std::vector<unsigned char> first;
  for (int i = 0; i < 2; ++i) {
    const Device<unsigned char> y(8 * 48 * 4);
    const TestWorkspace workspace(packed_linear_workspace(packed.layout, Element::F16, 8));
    packed_linear(packed.layout, packed.data.get(), x_device.get(), Element::F16, nullptr, y.get(), Element::F32, 8, workspace.get());
    if (i == 0) first = y.read();
    else check(first == y.read(), "the same product gives other bits");
  }
}

}  // namespace

int main() {
  test_layout();
  test_places();
  test_dequantizing<HalfF16, 2>("2 bits to fp16"), test_dequantizing<HalfBf16, 2>("2 bits to bf16");
  test_dequantizing<HalfF16, 3>("3 bits to fp16"), test_dequantizing<HalfBf16, 3>("3 bits to bf16");
  test_dequantizing<HalfF16, 4>("4 bits to fp16"), test_dequantizing<HalfBf16, 4>("4 bits to bf16");
  test_dequantizing<HalfF16, 8>("8 bits to fp16"), test_dequantizing<HalfBf16, 8>("8 bits to bf16");
  test_products();
  test_determinism();
  return finish("packed_linear_test");
}
