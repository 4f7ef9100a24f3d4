// Instructions that compute a number from numbers of the same lane, by their names in the PTX ISA.
#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>

#include "machine.h"

namespace ptx {
namespace {

template <class T>
using Wide = std::conditional_t<sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, s32, u32>,
                                std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, s64, u64>,
                                                   std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

template <class T>
void integers(Table& t, const std::string& type) {
  using U = std::make_unsigned_t<T>;
  using W = Wide<T>;
  constexpr int bits = 8 * sizeof(T);
  t["add." + type] = computes<T, T, T>([](T a, T b) { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); });
  t["sub." + type] = computes<T, T, T>([](T a, T b) { return static_cast<T>(static_cast<U>(a) - static_cast<U>(b)); });
  t["mul.lo." + type] = computes<T, T, T>([](T a, T b) { return static_cast<T>(static_cast<W>(a) * static_cast<W>(b)); });
  t["mul.hi." + type] = computes<T, T, T>([](T a, T b) { return static_cast<T>((static_cast<W>(a) * static_cast<W>(b)) >> bits); });
  t["mad.lo." + type] = computes<T, T, T, T>([](T a, T b, T c) {
    return static_cast<T>(static_cast<U>(static_cast<W>(a) * static_cast<W>(b)) + static_cast<U>(c));
  });
  // A division by zero has no result that is defined.
  t["div." + type] = computes<T, T, T>([](T a, T b) {
    if (b == 0) throw Fault("a division by zero");
    return static_cast<T>(a / b);
  });
  t["rem." + type] = computes<T, T, T>([](T a, T b) {
    if (b == 0) throw Fault("a division by zero");
    return static_cast<T>(a % b);
  });
  t["min." + type] = computes<T, T, T>([](T a, T b) { return std::min(a, b); });
  t["max." + type] = computes<T, T, T>([](T a, T b) { return std::max(a, b); });
  t["shr." + type] = computes<T, T, u32>([](T a, u32 n) {
    if (n >= bits) return static_cast<T>(a < 0 ? -1 : 0);
    return static_cast<T>(a >> n);
  });
  t["selp." + type] = computes<T, T, T, bool>([](T a, T b, bool p) { return p ? a : b; });
  t["mov." + type] = computes<T, T>([](T a) { return a; });
  if constexpr (std::is_signed_v<T>) {
    t["neg." + type] = computes<T, T>([](T a) { return static_cast<T>(-static_cast<U>(a)); });
    t["abs." + type] = computes<T, T>([](T a) { return static_cast<T>(a < 0 ? -static_cast<U>(a) : static_cast<U>(a)); });
  }
  if constexpr (sizeof(T) < 8) {
    t["mul.wide." + type] = computes<W, T, T>([](T a, T b) { return static_cast<W>(static_cast<W>(a) * static_cast<W>(b)); });
    t["mad.wide." + type] = computes<W, T, T, W>([](T a, T b, W c) {
      return static_cast<W>(static_cast<std::make_unsigned_t<W>>(static_cast<W>(a) * static_cast<W>(b)) + static_cast<std::make_unsigned_t<W>>(c));
    });
  }
}

template <class T>
void bits(Table& t, const std::string& type) {
  t["and." + type] = computes<T, T, T>([](T a, T b) { return static_cast<T>(a & b); });
  t["or." + type] = computes<T, T, T>([](T a, T b) { return static_cast<T>(a | b); });
  t["xor." + type] = computes<T, T, T>([](T a, T b) { return static_cast<T>(a ^ b); });
  t["not." + type] = computes<T, T>([](T a) { return static_cast<T>(std::is_same_v<T, bool> ? !a : ~static_cast<u64>(a)); });
  t["selp." + type] = computes<T, T, T, bool>([](T a, T b, bool p) { return p ? a : b; });
  t["mov." + type] = computes<T, T>([](T a) { return a; });
  if constexpr (!std::is_same_v<T, bool>) {
    t["setp.eq." + type] = computes<bool, T, T>([](T a, T b) { return a == b; });
    t["setp.ne." + type] = computes<bool, T, T>([](T a, T b) { return a != b; });
    t["shl." + type] = computes<T, T, u32>([](T a, u32 n) { return static_cast<T>(n >= 8 * sizeof(T) ? 0 : static_cast<u64>(a) << n); });
    t["shr." + type] = computes<T, T, u32>([](T a, u32 n) { return static_cast<T>(n >= 8 * sizeof(T) ? 0 : a >> n); });
  }
}

template <class T>
void comparisons(Table& t, const std::string& type) {
  const std::string end = "." + type;
  t["setp.eq" + end] = computes<bool, T, T>([](T a, T b) { return a == b; });
  t["setp.lt" + end] = computes<bool, T, T>([](T a, T b) { return a < b; });
  t["setp.le" + end] = computes<bool, T, T>([](T a, T b) { return a <= b; });
  t["setp.gt" + end] = computes<bool, T, T>([](T a, T b) { return a > b; });
  t["setp.ge" + end] = computes<bool, T, T>([](T a, T b) { return a >= b; });
  if constexpr (std::is_floating_point_v<T>) {
    t["setp.ne" + end] = computes<bool, T, T>([](T a, T b) { return a < b || a > b; });
    t["setp.equ" + end] = computes<bool, T, T>([](T a, T b) { return !(a < b || a > b); });
    t["setp.neu" + end] = computes<bool, T, T>([](T a, T b) { return !(a == b); });
    t["setp.ltu" + end] = computes<bool, T, T>([](T a, T b) { return !(a >= b); });
    t["setp.leu" + end] = computes<bool, T, T>([](T a, T b) { return !(a > b); });
    t["setp.gtu" + end] = computes<bool, T, T>([](T a, T b) { return !(a <= b); });
    t["setp.geu" + end] = computes<bool, T, T>([](T a, T b) { return !(a < b); });
    t["setp.num" + end] = computes<bool, T, T>([](T a, T b) { return !std::isnan(a) && !std::isnan(b); });
    t["setp.nan" + end] = computes<bool, T, T>([](T a, T b) { return std::isnan(a) || std::isnan(b); });
  } else {
    t["setp.ne" + end] = computes<bool, T, T>([](T a, T b) { return a != b; });
  }
}

// A sum or product rounded in another direction than to nearest.
template <class T>
T rounded(int mode, T a, T b, T c) {
  volatile T x = a, y = b, z = c;
  std::fesetround(mode);
  volatile T result = std::fma(x, y, z);
  std::fesetround(FE_TONEAREST);
  return result;
}

float flush(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

template <class T>
void reals(Table& t, const std::string& type) {
  t["add.rn." + type] = computes<T, T, T>([](T a, T b) { return a + b; });
  t["sub.rn." + type] = computes<T, T, T>([](T a, T b) { return a - b; });
  t["mul.rn." + type] = computes<T, T, T>([](T a, T b) { return a * b; });
  t["div.rn." + type] = computes<T, T, T>([](T a, T b) { return a / b; });
  t["rcp.rn." + type] = computes<T, T>([](T a) { return 1 / a; });
  t["sqrt.rn." + type] = computes<T, T>([](T a) { return std::sqrt(a); });
  t["fma.rn." + type] = computes<T, T, T, T>([](T a, T b, T c) { return std::fma(a, b, c); });
  t["fma.rm." + type] = computes<T, T, T, T>([](T a, T b, T c) { return rounded(FE_DOWNWARD, a, b, c); });
  t["fma.rz." + type] = computes<T, T, T, T>([](T a, T b, T c) { return rounded(FE_TOWARDZERO, a, b, c); });
  t["neg." + type] = computes<T, T>([](T a) { return -a; });
  t["abs." + type] = computes<T, T>([](T a) { return std::fabs(a); });
  // Of a number and NaN, the number.
  t["min." + type] = computes<T, T, T>([](T a, T b) { return std::fmin(a, b); });
  t["max." + type] = computes<T, T, T>([](T a, T b) { return std::fmax(a, b); });
  // The sign of the first, the size of the second.
  t["copysign." + type] = computes<T, T, T>([](T a, T b) { return std::copysign(b, a); });
  t["selp." + type] = computes<T, T, T, bool>([](T a, T b, bool p) { return p ? a : b; });
  t["mov." + type] = computes<T, T>([](T a) { return a; });
  comparisons<T>(t, type);
}

u32 permuted(u32 a, u32 b, u32 selector) {
  const u64 all = static_cast<u64>(b) << 32 | a;
  u32 result = 0;
  for (u32 i = 0; i < 4; i++) {
    const u32 pick = selector >> 4 * i & 15;
    u32 byte = static_cast<u32>(all >> 8 * (pick & 7)) & 255;
    if ((pick & 8) != 0) byte = (byte & 128) != 0 ? 255 : 0;
    result |= byte << 8 * i;
  }
  return result;
}

// The table's bit for the three inputs' bits: a's counts four, b's two, c's one.
u32 looked_up(u32 a, u32 b, u32 c, u32 table) {
  u32 result = 0;
  for (u32 i = 0; i < 8; i++) {
    if ((table >> i & 1) != 0) result |= ((i & 4) != 0 ? a : ~a) & ((i & 2) != 0 ? b : ~b) & ((i & 1) != 0 ? c : ~c);
  }
  return result;
}

template <class T>
T inserted(T a, T b, u32 position, u32 length) {
  position &= 255, length &= 255;
  T result = b;
  for (u32 i = 0; i < length && position + i < 8 * sizeof(T); i++) {
    result = (result & ~(T{1} << (position + i))) | (a >> i & 1) << (position + i);
  }
  return result;
}

}  // namespace

void know_arithmetic(Table& t) {
  integers<u16>(t, "u16"), integers<s16>(t, "s16"), integers<u32>(t, "u32");
  integers<s32>(t, "s32"), integers<u64>(t, "u64"), integers<s64>(t, "s64");
  comparisons<u16>(t, "u16"), comparisons<s16>(t, "s16"), comparisons<u32>(t, "u32");
  comparisons<s32>(t, "s32"), comparisons<u64>(t, "u64"), comparisons<s64>(t, "s64");
  bits<bool>(t, "pred"), bits<u16>(t, "b16"), bits<u32>(t, "b32"), bits<u64>(t, "b64");
  reals<float>(t, "f32"), reals<double>(t, "f64");
  // The functions that hardware approximates, as exact as the host has them.
  t["ex2.approx.ftz.f32"] = computes<float, float>([](float a) { return flush(std::exp2(flush(a))); });
  t["lg2.approx.ftz.f32"] = computes<float, float>([](float a) { return std::log2(flush(a)); });
  t["rcp.approx.ftz.f32"] = computes<float, float>([](float a) { return flush(1 / flush(a)); });
  t["rsqrt.approx.f32"] = computes<float, float>([](float a) { return 1 / std::sqrt(a); });
  t["tanh.approx.f32"] = computes<float, float>([](float a) { return std::tanh(a); });
  // Of a double only the upper half counts.
  t["rcp.approx.ftz.f64"] = computes<double, double>([](double a) {
    constexpr u64 upper = ~0ull << 32;
    const double cut = std::bit_cast<double>(std::bit_cast<u64>(a) & upper);
    return std::bit_cast<double>(std::bit_cast<u64>(1 / cut) & upper);
  });
  t["prmt.b32"] = computes<u32, u32, u32, u32>([](u32 a, u32 b, u32 c) { return permuted(a, b, c); });
  t["lop3.b32"] = computes<u32, u32, u32, u32, u32>([](u32 a, u32 b, u32 c, u32 d) { return looked_up(a, b, c, d); });
  t["bfi.b32"] = computes<u32, u32, u32, u32, u32>([](u32 a, u32 b, u32 c, u32 d) { return inserted(a, b, c, d); });
  t["bfi.b64"] = computes<u64, u64, u64, u32, u32>([](u64 a, u64 b, u32 c, u32 d) { return inserted(a, b, c, d); });
  t["shf.l.wrap.b32"] = computes<u32, u32, u32, u32>([](u32 a, u32 b, u32 n) {
    return static_cast<u32>(((static_cast<u64>(b) << 32 | a) << (n & 31)) >> 32);
  });
  t["shf.r.wrap.b32"] = computes<u32, u32, u32, u32>([](u32 a, u32 b, u32 n) {
    return static_cast<u32>((static_cast<u64>(b) << 32 | a) >> (n & 31));
  });
  t["brev.b32"] = computes<u32, u32>([](u32 a) {
    u32 result = 0;
    for (u32 i = 0; i < 32; i++) result |= (a >> i & 1) << (31 - i);
    return result;
  });
  // How far the highest bit that is set must go to the left.
  t["bfind.shiftamt.u32"] = computes<u32, u32>([](u32 a) { return a == 0 ? ~0u : static_cast<u32>(std::countl_zero(a)); });
  t["popc.b32"] = computes<u32, u32>([](u32 a) { return static_cast<u32>(std::popcount(a)); });
  t["clz.b32"] = computes<u32, u32>([](u32 a) { return static_cast<u32>(std::countl_zero(a)); });
  t["dp4a.s32.s32"] = computes<s32, u32, u32, s32>([](u32 a, u32 b, s32 c) {
    u32 sum = static_cast<u32>(c);
    for (int i = 0; i < 32; i += 8) sum += static_cast<u32>(static_cast<int8_t>(a >> i) * static_cast<int8_t>(b >> i));
    return static_cast<s32>(sum);
  });
}

}  // namespace ptx
