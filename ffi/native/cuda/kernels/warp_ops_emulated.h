// The bodies of warp_ops.h on the host: plain loops over a warp's lanes, in the lane maps of the PTX ISA.
//
// A collective operation lays out what each lane brings, waits for the warp, and computes each lane's part from what
// all of them brought. An asynchronous copy happens when it is waited for; until then its target is NaN.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace salient::cuda {

namespace emulated_warp {

// What stands between the lanes here is no memory of the kernel: ThreadSanitizer need not look at it.
#if defined(__SANITIZE_THREAD__)
#define SALIENT_NOT_CHECKED __attribute__((no_sanitize("thread"), noinline))
extern "C" void __tsan_read16(void* at);
// A row that ldmatrix reads.
inline void check_row(const void* row) { __tsan_read16(const_cast<void*>(row)); }
#else
#define SALIENT_NOT_CHECKED
inline void check_row(const void*) {}
#endif

struct Lanes {
  float a[32][8], b[32][4];
  int wide_a[32][16], wide_b[32][8];
  const void* rows[32];
};
inline Lanes lanes[32][2];    // of each warp of a block, two in turns
inline unsigned char turn[1024];

inline unsigned thread() { return threadIdx.x; }
SALIENT_NOT_CHECKED inline Lanes& mine() {
  turn[thread()] ^= 1;
  return lanes[thread() / 32][turn[thread()]];
}

struct Copy {
  void* target;
  const void* source;
  u32 bytes;
};
inline std::vector<std::vector<Copy>> groups[1024];
inline std::vector<Copy> open_group[1024];

// Copies that no thread has waited for: a kernel must leave none.
inline size_t copies_left() {
  size_t left = 0;
  for (auto& list : groups) {
    for (auto& group : list) left += group.size();
    list.clear();
  }
  for (auto& group : open_group) left += group.size(), group.clear();
  return left;
}

inline float f16_value(u32 h) {
  static const std::vector<float> table = [] {
    std::vector<float> values(65536);
    for (u32 i = 0; i < 65536; ++i) {
      const int exponent = static_cast<int>(i >> 10 & 31), mantissa = static_cast<int>(i & 1023);
      const float size = exponent == 31 ? (mantissa ? NAN : INFINITY)
                                        : std::ldexp(static_cast<float>(exponent ? mantissa + 1024 : mantissa),
                                                     (exponent ? exponent : 1) - 25);
      values[i] = i & 0x8000 ? -size : size;
    }
    return values;
  }();
  return table[h & 0xffff];
}
inline float bf16_value(u32 h) { return __uint_as_float(h << 16); }

inline u32 round_f16(float value) {
  const u32 bits = __float_as_uint(value), sign = bits >> 16 & 0x8000;
  const float size = std::fabs(value);
  if (std::isnan(value)) return 0x7fff;
  if (size >= 65520.0f) return sign | 0x7c00;
  if (size < 0x1p-14f) return sign | static_cast<u32>(std::nearbyint(std::ldexp(size, 24)));
  const u32 whole = __float_as_uint(size) - (112u << 23);
  return sign | (whole + 0xfff + (whole >> 13 & 1)) >> 13;
}
inline u32 round_bf16(float value) {
  const u32 bits = __float_as_uint(value);
  if (std::isnan(value)) return 0x7fff;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

template <class Value>
SALIENT_NOT_CHECKED void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], Value value) {
  Lanes& all = mine();
  const unsigned lane = thread() % 32, g = lane / 4, c = lane % 4;
  for (unsigned i = 0; i < 8; ++i) all.a[lane][i] = value(a[i / 2] >> 16 * (i % 2) & 0xffff);
  for (unsigned i = 0; i < 4; ++i) all.b[lane][i] = value(b[i / 2] >> 16 * (i % 2) & 0xffff);
  simt::warp_meeting(kAllLanes);
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row_half = i / 2, column = 2 * c + i % 2;
    float sum = d[i];
    for (unsigned k = 0; k < 16; ++k) {
      // Column k of A: lane k % 8 / 2 of the row's four, registers 2 and 3 from column 8 on. Row k of B likewise.
      const float left = all.a[4 * g + k % 8 / 2][(k / 8 * 2 + row_half) * 2 + k % 2];
      const float right = all.b[4 * column + k % 8 / 2][k / 8 * 2 + k % 2];
      sum += left * right;
    }
    d[i] = sum;
  }
}

SALIENT_NOT_CHECKED inline void load(u32 (&r)[4], const void* row, bool transposed) {
  Lanes& all = mine();
  const unsigned lane = thread() % 32, g = lane / 4, c = lane % 4;
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
    std::fprintf(stderr, "Emulated ldmatrix: a row that does not start on 16 bytes\n");
    std::abort();
  }
  check_row(row);
  all.rows[lane] = row;
  simt::warp_meeting(kAllLanes);
  for (unsigned j = 0; j < 4; ++j) {
    if (!transposed) {
      std::memcpy(&r[j], static_cast<const char*>(all.rows[8 * j + g]) + 4 * c, 4);
    } else {
      uint16_t low, high;
      std::memcpy(&low, static_cast<const char*>(all.rows[8 * j + 2 * c]) + 2 * g, 2);
      std::memcpy(&high, static_cast<const char*>(all.rows[8 * j + 2 * c + 1]) + 2 * g, 2);
      r[j] = low | static_cast<u32>(high) << 16;
    }
  }
}

}  // namespace emulated_warp

inline void mma_f16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  emulated_warp::mma(d, a, b, emulated_warp::f16_value);
}
inline void mma_bf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  emulated_warp::mma(d, a, b, emulated_warp::bf16_value);
}
SALIENT_NOT_CHECKED inline void mma_s8(int (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  using namespace emulated_warp;
  Lanes& all = mine();
  const unsigned lane = thread() % 32, g = lane / 4, c = lane % 4;
  for (unsigned i = 0; i < 16; ++i) all.wide_a[lane][i] = static_cast<int8_t>(a[i / 4] >> 8 * (i % 4));
  for (unsigned i = 0; i < 8; ++i) all.wide_b[lane][i] = static_cast<int8_t>(b[i / 4] >> 8 * (i % 4));
  simt::warp_meeting(kAllLanes);
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned k = 0; k < 32; ++k) {
      const int left = all.wide_a[4 * g + k % 16 / 4][(k / 16 * 2 + i / 2) * 4 + k % 4];
      d[i] += left * all.wide_b[4 * (2 * c + i % 2) + k % 16 / 4][k / 16 * 4 + k % 4];
    }
  }
}
inline void load_matrices(u32 (&r)[4], const void* row) { emulated_warp::load(r, row, false); }
inline void load_matrices_transposed(u32 (&r)[4], const void* row) { emulated_warp::load(r, row, true); }

inline void copy_async(void* target, const void* source, u32 bytes = 16) {
  if (reinterpret_cast<uintptr_t>(target) % 16 != 0 || reinterpret_cast<uintptr_t>(source) % 16 != 0) {
    std::fprintf(stderr, "Emulated cp.async: an address that is no multiple of 16 bytes\n");
    std::abort();
  }
  std::memset(target, 0xff, 16);
  emulated_warp::open_group[emulated_warp::thread()].push_back({target, source, bytes});
}
using SharedPlace = unsigned char*;
inline SharedPlace shared_place(unsigned char* at) { return at; }
inline void copy_async_if(bool wanted, SharedPlace target, const void* source) {
  if (wanted) copy_async(target, source);
}
template <class T>
T load_aligned(SharedPlace at) {
  if (reinterpret_cast<uintptr_t>(at) % sizeof(T) != 0) {
    std::fprintf(stderr, "Emulated ld.shared: an address that is no multiple of %zu bytes\n", sizeof(T));
    std::abort();
  }
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
inline uint4 load_sixteen(SharedPlace at) { return load_aligned<uint4>(at); }
inline uint2 load_eight(SharedPlace at) { return load_aligned<uint2>(at); }
inline u32 load_four_bytes(SharedPlace at) { return load_aligned<u32>(at); }
template <class T>
T held(T value) {
  return value;
}
inline void commit_copies() {
  auto& open = emulated_warp::open_group[emulated_warp::thread()];
  emulated_warp::groups[emulated_warp::thread()].push_back(std::move(open));
  open.clear();
}
template <int N>
void wait_copies() {
  auto& list = emulated_warp::groups[emulated_warp::thread()];
  while (list.size() > static_cast<size_t>(N)) {
    for (const auto& copy : list.front()) {
      std::memset(copy.target, 0, 16);
      if (copy.bytes > 0) std::memcpy(copy.target, copy.source, copy.bytes);
    }
    list.erase(list.begin());
  }
}

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }

template <u32 mask, u32 magic>
u32 masked(u32 word) {
  return (word & mask) | magic;
}

inline u32 pack_f16(float low, float high) { return emulated_warp::round_f16(low) | emulated_warp::round_f16(high) << 16; }
inline u32 pack_bf16(float low, float high) {
  return emulated_warp::round_bf16(low) | emulated_warp::round_bf16(high) << 16;
}
inline float f16_to_float(u32 half) { return emulated_warp::f16_value(half); }
inline u32 sub_f16x2(u32 a, u32 b) {
  using emulated_warp::f16_value;
  return pack_f16(f16_value(a) - f16_value(b), f16_value(a >> 16) - f16_value(b >> 16));
}
inline u32 fma_f16x2(u32 a, u32 b, u32 c) {
  using emulated_warp::f16_value;
  return pack_f16(std::fma(f16_value(a), f16_value(b), f16_value(c)),
                  std::fma(f16_value(a >> 16), f16_value(b >> 16), f16_value(c >> 16)));
}
inline u32 fma_bf16x2(u32 a, u32 b, u32 c) {
  using emulated_warp::bf16_value;
  return pack_bf16(std::fma(bf16_value(a & 0xffff), bf16_value(b & 0xffff), bf16_value(c & 0xffff)),
                   std::fma(bf16_value(a >> 16), bf16_value(b >> 16), bf16_value(c >> 16)));
}

}  // namespace salient::cuda
