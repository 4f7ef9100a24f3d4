// What is emulated of sm_90a against the layouts of the PTX ISA, and the products made of it against sums in fp64.
#include "../kernels/wgmma_device.h"
#include "../kernels/wgmma_product.h"
#include "../kernels/wgmma_store.h"
#include "emulated_check.h"

namespace {

size_t left() { return emulated_hopper::left() + emulated_wgmma::left() + copies_left(); }

// "Register Fragments and Shared Memory Matrix Layouts" of wgmma.mma_async.m64nNk16: element i of a thread.
struct Place {
  unsigned row, column;
};
Place a_of(unsigned thread, unsigned i) {
  const unsigned group = thread % 32 >> 2, row = 16 * (thread / 32) + group + (i % 4 >= 2 ? 8 : 0);
  return {row, thread % 4 * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}
Place d_of(unsigned thread, unsigned i) {
  const unsigned group = thread % 32 >> 2, row = 16 * (thread / 32) + group + (i / 2 % 2 != 0 ? 8 : 0);
  return {row, i / 4 * 8 + thread % 4 * 2 + (i & 1)};
}

// A and B [rows, 64 bytes of a row of 128], to shared memory by hand: with 128-byte swizzling 16-byte piece p of row r stands
// at piece p ^ r % 8 of its row; without, eight rows of a piece stand together.
template <class Type, bool swizzled>
__global__ void one_product(const unsigned char* a, const unsigned char* b, const u32* registers, typename Type::Sum* out, u32 piece) {
  SIMT_DYNAMIC_SHARED(unsigned char, shared);
  unsigned char *left = swizzle_start(shared), *right = left + 64 * 128;
  for (u32 i = threadIdx.x; i < 128 * 8; i += 128) {
    const u32 row = i / 8, at = i % 8;
    const unsigned char* from = (row < 64 ? a : b) + row % 64 * 128 + at * 16;
    unsigned char* to = row < 64 ? left : right;
    memcpy(to + (swizzled ? row % 64 * 128 + (at ^ row % 8) * 16 : at * 1024 + row % 64 * 16), from, 16);
  }
  fence_barriers();  // products see what threads have written behind a fence of proxies alone
  __syncthreads();
  const auto matrix = [&](unsigned char* start) {
    if (swizzled) return swizzled_matrix(start) + piece;
    const uint64_t address = shared_address(start + piece * 1024);
    return address / 16 | uint64_t{1024 / 16} << 16 | uint64_t{128 / 16} << 32;
  };
  typename Type::Sum d[32];
  for (u32 i = 0; i < 32; ++i) d[i] = static_cast<typename Type::Sum>(i);
  wgmma_fence();
  if (registers != nullptr) {
    if constexpr (Type::element != Element::I8) {
      u32 of_a[4];
      for (u32 i = 0; i < 4; ++i) of_a[i] = registers[4 * threadIdx.x + i];
      Wgmma<Type, 64>::registers(d, of_a, matrix(right), 0);
      wgmma_commit();
      wgmma_wait<0>();
    }
  } else {
    Wgmma<Type, 64>::shared(d, matrix(left), matrix(right));
    wgmma_commit();
    wgmma_wait<0>();
  }
  for (u32 i = 0; i < 32; ++i) out[32 * threadIdx.x + i] = d[i];
}

template <class Type, bool swizzled>
void test_wgmma(bool from_registers, u32 piece) {
  constexpr bool bytes = Type::element == Element::I8;
  constexpr u32 count = bytes ? 128 : 64, K = bytes ? 32 : 16;  // of a row, of a product
  std::vector<int> a(64 * count), b(64 * count);
  const auto bits = [](int v) {
    return bytes ? static_cast<u32>(v) & 255 : Type::element == Element::F16 ? f16_of(static_cast<float>(v)) : bf16_of(static_cast<float>(v));
  };
  const auto stored = [&](std::vector<int>& values) {
    std::vector<unsigned char> out(64 * 128);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<int>(random_bits() % 31) - 15;
      const u32 word = bits(values[i]);
      std::memcpy(out.data() + i * (bytes ? 1 : 2), &word, bytes ? 1 : 2);
    }
    return out;
  };
  const Device<unsigned char> a_device(stored(a)), b_device(stored(b));
  const u32 first = piece * (bytes ? 16 : 8);
  std::vector<u32> registers(128 * 4);
  for (u32 thread = 0; thread < 128 && !bytes; ++thread) {
    for (u32 i = 0; i < 8; ++i) {
      const Place at = a_of(thread, i);
      registers[4 * thread + i / 2] |= bits(a[at.row * count + first + at.column]) << 16 * (i % 2);
    }
  }
  const Device<u32> registers_device(registers);
  const Device<typename Type::Sum> out(128 * 32);
  simt::launch("wgmma", one_product<Type, swizzled>, 1, 128, 1024 + 128 * 128, a_device.get(), b_device.get(),
               from_registers ? registers_device.get() : nullptr, out.get(), piece);
  const auto got = out.read();
  bool good = left() == 0;
  for (u32 thread = 0; thread < 128; ++thread) {
    for (u32 i = 0; i < 32; ++i) {
      const Place at = d_of(thread, i);
      int sum = from_registers ? 0 : static_cast<int>(i);
      for (u32 k = 0; k < K; ++k) sum += a[at.row * count + first + k] * b[at.column * count + first + k];
      good = good && static_cast<int>(got[32 * thread + i]) == sum;
    }
  }
  check(good, "wgmma of type " + std::to_string(static_cast<int>(Type::element)) + (swizzled ? ", swizzled" : "") +
                  (from_registers ? ", A in registers" : "") + ", piece " + std::to_string(piece));
}

__global__ void one_box(const __grid_constant__ TensorMap map, u32 x, u32 y, u32 bytes, unsigned char* out) {
  SIMT_DYNAMIC_SHARED(unsigned char, shared);
  unsigned char* box = swizzle_start(shared);
  Barrier* barrier = reinterpret_cast<Barrier*>(box + bytes);
  if (threadIdx.x == 0) barrier_init(barrier, 1), fence_barriers();
  __syncthreads();
  if (threadIdx.x == 0) barrier_expect(barrier, bytes), copy_box(box, &map, x, y, barrier);
  barrier_wait(barrier, 0);
  for (u32 i = threadIdx.x; i < bytes; i += 32) out[i] = box[i];
}

// Tails are zero, and pieces of 16 bytes stand where the swizzled layout has them.
void test_boxes() {
  const u32 columns = 72, rows = 21, stride = 80;
  std::vector<uint16_t> values(rows * stride);
  for (auto& v : values) v = static_cast<uint16_t>(random_bits() | 1);
  const Device<uint16_t> from(values);
  for (const bool swizzled : {false, true}) {
    for (const u32 x : {0u, 64u}) {
      for (const u32 y : {0u, 16u}) {
        TensorMap map;
        check(make_tensor_map({from.get(), Element::F16, columns, rows, stride * 2, 64, 16, swizzled}, map), "a map is made");
        const Device<unsigned char> out(16 * 128);
        simt::launch("box", one_box, 1, 32, 4096, map, x, y, 16 * 128, out.get());
        const auto got = out.read();
        bool good = left() == 0;
        for (u32 row = 0; row < 16; ++row) {
          for (u32 column = 0; column < 64; ++column) {
            const bool inside = x + column < columns && y + row < rows;
            const u32 piece = column / 8 ^ (swizzled ? row % 8 : 0);
            uint16_t word;
            std::memcpy(&word, &got[row * 128 + piece * 16 + column % 8 * 2], 2);
            good = good && word == (inside ? values[(y + row) * stride + x + column] : 0);
          }
        }
        check(good, "box at " + std::to_string(x) + ", " + std::to_string(y) + (swizzled ? ", swizzled" : ""));
      }
    }
  }
  TensorMap map;
  check(!make_tensor_map({reinterpret_cast<const char*>(from.get()) + 8, Element::F16, 64, 8, 160, 64, 8, true}, map) &&
            !make_tensor_map({from.get(), Element::F16, 64, 8, 136, 64, 8, true}, map) &&
            !make_tensor_map({from.get(), Element::F16, 64, 8, 160, 64, 257, true}, map) &&
            !make_tensor_map({from.get(), Element::F16, 128, 8, 256, 128, 8, true}, map),
        "maps that the driver refuses");
}

void test_product(Element type, uint32_t T, uint32_t K, uint32_t N, uint32_t stride, Element y_type, uint32_t extras) {
  const bool bytes = type == Element::I8;
  const std::string what = std::string("wgmma product ") + (bytes ? "I8" : name_of(type)) + " to " + name_of(y_type) + ", " +
                           std::to_string(T) + " of " + std::to_string(N) + "x" + std::to_string(K) + ", extras " + std::to_string(extras);
  const auto matrix = [&](size_t count, float size) {
    if (!bytes) return typed(type, normal(count, size));
    Typed out;
    const int fewer = y_type == Element::F16 ? 8 : 1;  // sums in the range of fp16
    for (size_t i = 0; i < count; ++i) out.bytes.push_back(static_cast<unsigned char>(static_cast<int8_t>(random_bits()) / fewer));
    for (const unsigned char byte : out.bytes) out.values.push_back(static_cast<int8_t>(byte));
    return out;
  };
  const Typed x = matrix(size_t{T} * K, 1), w = matrix(size_t{N} * K, 0.05f);
  const std::vector<float> row_scales = normal(T, 0.5f), column_scales = normal(N), bias = normal(N);
  const Device<unsigned char> x_device(x.bytes), w_device(w.bytes), y(size_t{T} * stride * (y_type == Element::F32 ? 4 : 2));
  const Device<float> rows(row_scales), columns(column_scales), of_bias(bias);
  const bool served = wgmma_product(
      type, {x_device.get(), w_device.get(), extras & 1 ? rows.get() : nullptr, extras & 2 ? columns.get() : nullptr,
             extras & 4 ? of_bias.get() : nullptr, y.get(), y_type, T, N, bytes ? K : 2 * K, stride});
  check(served && left() == 0, what + ": served, and nothing is left");
  const auto all = floats(y_type, y.read());
  std::vector<float> got;
  std::vector<double> want;
  bool kept = true;
  for (size_t t = 0; t < T; ++t) {
    for (size_t n = 0; n < stride; ++n) {
      const float value = all[t * stride + n];
      if (n >= N) {
        kept = kept && value != value;
        continue;
      }
      double sum = 0;
      for (size_t k = 0; k < K; ++k) sum += static_cast<double>(x.values[t * K + k]) * w.values[n * K + k];
      if (extras & 1) sum *= row_scales[t];
      if (extras & 2) sum *= column_scales[n];
      if (extras & 4) sum += bias[n];
      got.push_back(value), want.push_back(sum);
    }
  }
  const double error = mean_error(got, want);
  check(error < 2e-6 + rounding(y_type), what + ": error " + std::to_string(error));
  check(kept, what + ": what lies between rows is written");
}

void test_products() {
  const Element types[] = {Element::F16, Element::BF16, Element::I8}, results[] = {Element::F32, Element::F16, Element::BF16};
  // Tails of every side, several stages and rounds of the ring, several tiles for a block.
  const uint32_t shapes[][3] = {{1, 64, 16}, {64, 128, 128}, {70, 272, 140}, {130, 80, 300}, {257, 176, 133}, {40, 1104, 33}, {300, 144, 264}};
  uint32_t round = 0;
  for (const auto& [T, K, N] : shapes) {
    for (const Element type : types) {
      for (const uint32_t multiprocessors : {1u, 3u, 200u}) {  // of a wave: chooses the tile
        emulated_multiprocessors = multiprocessors;
        if (T * N > 30000 && (round + multiprocessors) % 2 != 0) continue;
        test_product(type, T, K, N, round % 2 == 0 ? N : N + 3, results[round % 3], round % 8);
        ++round;
      }
    }
  }
  emulated_wgmma_device = false;
  check(!wgmma_product(Element::F16, {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, Element::F32, 1, 1, 16, 1}), "another device");
  emulated_wgmma_device = true;
}

}  // namespace

int main() {
  for (const u32 piece : {0u, 2u, 6u}) {
    test_wgmma<WgmmaF16, true>(false, piece), test_wgmma<WgmmaF16, true>(true, piece);
    test_wgmma<WgmmaBf16, true>(false, piece), test_wgmma<WgmmaBf16, true>(true, piece);
    test_wgmma<WgmmaS8, true>(false, piece);
    test_wgmma<WgmmaF16, false>(false, piece), test_wgmma<WgmmaF16, false>(true, piece);
    test_wgmma<WgmmaS8, false>(false, piece);
  }
  test_boxes();
  test_products();
  return finish("wgmma_test");
}
