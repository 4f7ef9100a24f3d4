// Conversions, and the arithmetic of 16-bit floating point numbers.
#include <bit>
#include <cfenv>
#include <cmath>

#include "halves.h"
#include "machine.h"

namespace ptx {
namespace {

// An integer's or float's lanes, where the register may be wider than the type.
template <class D, class A, auto F>
void convert(Warp& warp, Instruction& i, u32 lanes) {
  const Operand &to = i.operands[0], &from = i.operands[1];
  if (to.bytes == sizeof(D) && from.bytes == sizeof(A)) return apply<F, D, A>(warp, i, lanes);
  each(lanes, [&](u32 lane) {
    A value;
    std::memcpy(&value, warp.registers.get() + from.offset + lane * from.bytes, sizeof value);
    const D result = F(value);
    // Wider registers get the sign, or zeros.
    const u64 bits = std::is_signed_v<D> && std::is_integral_v<D> ? static_cast<u64>(static_cast<s64>(result)) : [&] {
      u64 plain = 0;
      std::memcpy(&plain, &result, sizeof result);
      return plain;
    }();
    std::memcpy(warp.registers.get() + to.offset + lane * to.bytes, &bits, to.bytes);
  });
}

template <class D, class A, class F>
Known converts(F) {
  return {convert<D, A, F{}>, {type<D>(), type<A>()}};
}

template <class D, class A>
void integer_pair(Table& t, const std::string& d, const std::string& a) {
  t["cvt." + d + "." + a] = converts<D, A>([](A x) { return static_cast<D>(x); });
}

template <class A>
void from_integer(Table& t, const std::string& a) {
  integer_pair<uint8_t, A>(t, "u8", a), integer_pair<int8_t, A>(t, "s8", a);
  integer_pair<u16, A>(t, "u16", a), integer_pair<s16, A>(t, "s16", a);
  integer_pair<u32, A>(t, "u32", a), integer_pair<s32, A>(t, "s32", a);
  integer_pair<u64, A>(t, "u64", a), integer_pair<s64, A>(t, "s64", a);
  t["cvt.rn.f32." + a] = converts<float, A>([](A x) { return static_cast<float>(x); });
  t["cvt.rn.f64." + a] = converts<double, A>([](A x) { return static_cast<double>(x); });
}

// Out of range: the nearest integer there is; NaN: zero.
template <class D, class A>
D clamped(A x) {
  if (std::isnan(x)) return 0;
  if (x <= static_cast<A>(std::numeric_limits<D>::min())) return std::numeric_limits<D>::min();
  if (x >= static_cast<A>(std::numeric_limits<D>::max())) return std::numeric_limits<D>::max();
  return static_cast<D>(x);
}

template <class D, class A>
void to_integer(Table& t, const std::string& d, const std::string& a) {
  const std::string end = d + "." + a;
  t["cvt.rzi." + end] = converts<D, A>([](A x) { return clamped<D>(std::trunc(x)); });
  t["cvt.rni." + end] = converts<D, A>([](A x) { return clamped<D>(std::nearbyint(x)); });
  t["cvt.rmi." + end] = converts<D, A>([](A x) { return clamped<D>(std::floor(x)); });
  t["cvt.rpi." + end] = converts<D, A>([](A x) { return clamped<D>(std::ceil(x)); });
}

template <class A>
void from_real(Table& t, const std::string& a) {
  to_integer<u32, A>(t, "u32", a), to_integer<s32, A>(t, "s32", a);
  to_integer<u64, A>(t, "u64", a), to_integer<s64, A>(t, "s64", a);
  const std::string same = a + "." + a;
  t["cvt.rni." + same] = converts<A, A>([](A x) { return std::nearbyint(x); });
  t["cvt.rzi." + same] = converts<A, A>([](A x) { return std::trunc(x); });
  t["cvt.rmi." + same] = converts<A, A>([](A x) { return std::floor(x); });
  t["cvt.rpi." + same] = converts<A, A>([](A x) { return std::ceil(x); });
  t["cvt.sat." + same] = converts<A, A>([](A x) { return std::isnan(x) || x <= 0 ? A(0) : x >= 1 ? A(1) : x; });
}

template <class Half>
u32 pair(double low, double high) {
  return Half::round(low) | static_cast<u32>(Half::round(high)) << 16;
}

template <class Half>
void halves(Table& t, const std::string& type) {
  // The first number is the upper half.
  t["cvt.rn." + type + "x2.f32"] = computes<u32, float, float>([](float high, float low) { return pair<Half>(low, high); });
  t["cvt.rn." + type + ".f32"] = computes<u16, float>([](float x) { return Half::round(x); });
  t["cvt.f32." + type] = computes<float, u16>([](u16 x) { return static_cast<float>(Half::value(x)); });
  t["sub.rn." + type + "x2"] = computes<u32, u32, u32>([](u32 a, u32 b) {
    return pair<Half>(Half::value(a) - Half::value(b), Half::value(a >> 16) - Half::value(b >> 16));
  });
  t["add.rn." + type + "x2"] = computes<u32, u32, u32>([](u32 a, u32 b) {
    return pair<Half>(Half::value(a) + Half::value(b), Half::value(a >> 16) + Half::value(b >> 16));
  });
  t["mul.rn." + type + "x2"] = computes<u32, u32, u32>([](u32 a, u32 b) {
    return pair<Half>(Half::value(a) * Half::value(b), Half::value(a >> 16) * Half::value(b >> 16));
  });
  t["fma.rn." + type + "x2"] = computes<u32, u32, u32, u32>([](u32 a, u32 b, u32 c) {
    return pair<Half>(odd_fma(Half::value(a), Half::value(b), Half::value(c)),
                      odd_fma(Half::value(a >> 16), Half::value(b >> 16), Half::value(c >> 16)));
  });
}

}  // namespace

void know_conversions(Table& t) {
  from_integer<uint8_t>(t, "u8"), from_integer<int8_t>(t, "s8"), from_integer<u16>(t, "u16"), from_integer<s16>(t, "s16");
  from_integer<u32>(t, "u32"), from_integer<s32>(t, "s32"), from_integer<u64>(t, "u64"), from_integer<s64>(t, "s64");
  from_real<float>(t, "f32"), from_real<double>(t, "f64");
  t["cvt.rn.f32.f64"] = computes<float, double>([](double x) { return static_cast<float>(x); });
  t["cvt.f64.f32"] = computes<double, float>([](float x) { return static_cast<double>(x); });
  halves<F16>(t, "f16"), halves<Bf16>(t, "bf16");
}

}  // namespace ptx
