// The bodies of wgmma.h on the host, and of the fences of hopper_ops.h that belong to them.
//
// A product is computed when it is waited for, from what is in shared memory then; until then its sums are NaN. Registers
// that change meanwhile, a product without a fence before it, and descriptors that mean another layout end the program.
#pragma once

#include <array>
#include <deque>
#include <functional>

namespace salient::cuda {

namespace emulated_wgmma {

using emulated_hopper::wrong;

// 16 bytes `piece` of row `row` of the matrix of a descriptor ("Matrix Descriptor Format", "Strides", K-major).
inline const unsigned char* piece_of(uint64_t descriptor, u32 row, u32 piece) {
  const auto field = [&](u32 bit) { return static_cast<u32>(descriptor >> bit & 0x3fff) << 4; };
  const u32 start = field(0), leading = field(16), stride = field(32), kind = static_cast<u32>(descriptor >> 62);
  if ((descriptor >> 49 & 7) != 0) wrong("a descriptor with a base offset");
  if (kind > 1) wrong("a descriptor of a kind of swizzling that is not emulated");
  if (kind == 0) {  // core matrices of eight rows of 16 bytes
    return emulated_hopper::shared_pointer(start + row / 8 * stride + piece * leading + row % 8 * 16, 16);
  }
  if (start % 1024 >= 128) wrong("a swizzled matrix whose pattern does not start on 1024 bytes");
  u32 address = start + row / 8 * stride + row % 8 * 128 + piece * 16;
  address ^= (address >> 7 & 7) << 4;
  return emulated_hopper::shared_pointer(address, 16);
}

struct Product {
  std::function<void()> run;
  const void* sums;
};
struct Thread {
  std::deque<std::vector<Product>> groups;
  std::vector<Product> open;
  bool fenced = false;
};
inline Thread threads[1024];

inline Thread& mine() { return threads[threadIdx.x]; }

inline size_t left() {
  size_t count = 0;
  for (Thread& t : threads) count += t.groups.size() + t.open.size(), t = {};
  return count;
}

// Sums of products that are under way; their registers hold NaN meanwhile.
template <class Sum>
struct Shadow {
  Sum* sums;
  std::vector<Sum> values;
  size_t products;
};
template <class Sum>
inline std::vector<Shadow<Sum>> shadows[1024];

template <class Sum, int count>
void begin(Sum (&d)[count]) {
  if (!mine().fenced) wrong("a product without wgmma.fence before it");
  auto& all = shadows<Sum>[threadIdx.x];
  for (auto& shadow : all) {
    if (shadow.sums != d) continue;
    ++shadow.products;
    return;
  }
  all.push_back({d, std::vector<Sum>(d, d + count), 1});
  std::memset(d, 0xff, sizeof d);
}

template <class Sum>
Shadow<Sum>& shadow_of(Sum* d) {
  for (auto& shadow : shadows<Sum>[threadIdx.x]) {
    if (shadow.sums == d) return shadow;
  }
  wrong("sums of no product");
}

template <class Sum>
void end(Sum* d) {
  auto& all = shadows<Sum>[threadIdx.x];
  Shadow<Sum>& shadow = shadow_of(d);
  if (--shadow.products > 0) return;
  std::memcpy(d, shadow.values.data(), shadow.values.size() * sizeof(Sum));
  all.erase(all.begin() + (&shadow - all.data()));
}

template <class Type>
struct Numbers {
  static constexpr u32 count = 16;  // in 32 bytes
  static float at(const unsigned char* bytes, u32 i) {
    const u32 word = bytes[2 * i] | static_cast<u32>(bytes[2 * i + 1]) << 8;
    return Type::element == Element::F16 ? emulated_warp::f16_value(word) : emulated_warp::bf16_value(word);
  }
};
template <>
struct Numbers<WgmmaS8> {
  static constexpr u32 count = 32;
  static int at(const unsigned char* bytes, u32 i) { return static_cast<int8_t>(bytes[i]); }
};

template <class Type>
using Row = std::array<typename Type::Sum, Numbers<Type>::count>;

template <class Type>
Row<Type> row_of(uint64_t descriptor, u32 row) {
  Row<Type> out;
  for (u32 i = 0; i < out.size(); ++i) {
    const u32 half = static_cast<u32>(out.size()) / 2;
    out[i] = Numbers<Type>::at(piece_of(descriptor, row, i / half), i % half);
  }
  return out;
}

// d = (add ? d : 0) + rows of A times columns of B.
template <class Type, int N>
void multiply(typename Type::Sum* d, const Row<Type> (&left)[2], uint64_t right, bool add) {
  auto& sums = shadow_of(d).values;
  const u32 c = threadIdx.x % 4;
  for (u32 j = 0; j < N / 8; ++j) {
    for (u32 column = 0; column < 2; ++column) {
      const Row<Type> b = row_of<Type>(right, 8 * j + 2 * c + column);
      for (u32 half = 0; half < 2; ++half) {
        auto& sum = sums[4 * j + 2 * half + column];
        if (!add) sum = 0;
        for (u32 k = 0; k < b.size(); ++k) sum += left[half][k] * b[k];
      }
    }
  }
  end(d);
}

}  // namespace emulated_wgmma

template <class Type, int N>
struct Wgmma {
  using Sum = typename Type::Sum;
  static void shared(Sum (&d)[N / 2], uint64_t left, uint64_t right) {
    using namespace emulated_wgmma;
    begin(d);
    Sum* sums = d;
    mine().open.push_back({[=] {
                             const u32 row = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4;
                             multiply<Type, N>(sums, {row_of<Type>(left, row), row_of<Type>(left, row + 8)}, right, true);
                           },
                           d});
  }
  static void registers(float (&d)[N / 2], const u32 (&left)[4], uint64_t right, u32 add) {
    using namespace emulated_wgmma;
    const race_check::Unchecked scope;
    // The two rows of A that this lane's sums need, from the four lanes that hold them.
    emulated_warp::Lanes& all = emulated_warp::mine();
    const u32 lane = threadIdx.x % 32;
    for (u32 i = 0; i < 8; ++i) {
      const u32 word = left[i / 2] >> 16 * (i % 2) & 0xffff;
      all.a[lane][i] = Type::element == Element::F16 ? emulated_warp::f16_value(word) : emulated_warp::bf16_value(word);
    }
    simt::warp_meeting(kAllLanes);
    Row<Type> rows[2];
    for (u32 half = 0; half < 2; ++half) {
      for (u32 k = 0; k < 16; ++k) rows[half][k] = all.a[lane / 4 * 4 + k % 8 / 2][(k / 8 * 2 + half) * 2 + k % 2];
    }
    begin(d);
    float* sums = d;
    const u32* registers = left;
    const std::array<u32, 4> before{left[0], left[1], left[2], left[3]};
    mine().open.push_back({[=, first = rows[0], second = rows[1]] {
                             if (std::memcmp(registers, before.data(), 16) != 0) wrong("registers of A that changed under a product");
                             multiply<Type, N>(sums, {first, second}, right, add != 0);
                           },
                           d});
  }
};

inline void wgmma_fence() { emulated_wgmma::mine().fenced = true; }

inline void wgmma_commit() {
  auto& thread = emulated_wgmma::mine();
  thread.groups.push_back(std::move(thread.open));
  thread.open.clear();
  thread.fenced = false;
}

// A warp's lanes go on together, as the instruction has it: then all of them are past what they waited for.
template <int N>
void wgmma_wait() {
  auto& thread = emulated_wgmma::mine();
  while (thread.groups.size() > static_cast<size_t>(N)) {
    const race_check::Unchecked scope;
    for (const auto& product : thread.groups.front()) product.run();
    thread.groups.pop_front();
  }
  __syncwarp();
}

}  // namespace salient::cuda
