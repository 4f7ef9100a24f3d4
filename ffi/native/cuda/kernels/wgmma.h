// Products of a warpgroup on sm_90a: wgmma.mma_async of 64 rows, fp32 (or int32) sums in registers.
//
// A is 64 x 32 bytes, of four registers (rows 16 w to 16 w + 15 for warp w, with the lane map of mma.m16n8k16 in
// warp_ops.h) or of a descriptor; B is N rows of 32 bytes, of a descriptor. d[4 j + i] of a lane is what C's register i of
// mma.m16n8k16 is, in columns 8 j to 8 j + 7. PTX ISA: "Register Fragments and Shared Memory Matrix Layouts".
//
// A product is only begun. Until wgmma_wait says so its sums, its registers and its memory must not be touched.
#pragma once

#include "hopper_ops.h"

namespace salient::cuda {

struct WgmmaF16 {
  using Sum = float;
  static constexpr Element element = Element::F16;
};
struct WgmmaBf16 {
  using Sum = float;
  static constexpr Element element = Element::BF16;
};
struct WgmmaS8 {
  using Sum = int;
  static constexpr Element element = Element::I8;
};

#if !defined(SALIENT_EMULATED)

// d += a b.
template <class Type, int N>
struct Wgmma;

// The numbers of operands in the text of an instruction, and the operands.
#define SALIENT_NUMBERS_32 \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
  "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define SALIENT_NUMBERS_64 \
  SALIENT_NUMBERS_32 "," \
  "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47," \
  "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define SALIENT_NUMBERS_128 \
  SALIENT_NUMBERS_64 "," \
  "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79," \
  "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95," \
  "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111," \
  "%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
#define SALIENT_8(c, i) \
  c(d[i]), c(d[i + 1]), c(d[i + 2]), c(d[i + 3]), c(d[i + 4]), c(d[i + 5]), c(d[i + 6]), c(d[i + 7])
#define SALIENT_32(c, i) SALIENT_8(c, i), SALIENT_8(c, i + 8), SALIENT_8(c, i + 16), SALIENT_8(c, i + 24)
#define SALIENT_SUMS_32(c) SALIENT_32(c, 0)
#define SALIENT_SUMS_64(c) SALIENT_32(c, 0), SALIENT_32(c, 32)
#define SALIENT_SUMS_128(c) SALIENT_SUMS_64(c), SALIENT_32(c, 64), SALIENT_32(c, 96)

// `a` to `e`: the numbers of the operands that follow the sums.
#if defined(SALIENT_HOPPER)
#define SALIENT_SHARED(kind, count, signs, constraint, a, b, c) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, " c ", 0;\n" \
               "wgmma.mma_async.sync.aligned." kind " {" SALIENT_NUMBERS_##count "}, " a ", " b ", add" signs ";\n}" \
               : SALIENT_SUMS_##count(constraint) : "l"(left), "l"(right), "r"(1))
#define SALIENT_REGISTERS(kind, count, a, b, c, e, f, g) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, " g ", 0;\n" \
               "wgmma.mma_async.sync.aligned." kind " {" SALIENT_NUMBERS_##count "}, {" a "," b "," c "," e "}, " f \
               ", add, 1, 1, 0;\n}" \
               : SALIENT_SUMS_##count("+f") : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "l"(right), "r"(add))
#else
#define SALIENT_SHARED(...)
#define SALIENT_REGISTERS(...)
#endif

#define SALIENT_WGMMA(Type, type, N, count, a, b, c, e, f, g) \
  template <> \
  struct Wgmma<Type, N> { \
    static __device__ __forceinline__ void shared([[maybe_unused]] float (&d)[count], [[maybe_unused]] uint64_t left, \
                                                  [[maybe_unused]] uint64_t right) { \
      SALIENT_SHARED("m64n" #N "k16.f32." type, count, ", 1, 1, 0, 0", "+f", a, b, c); \
    } \
    static __device__ __forceinline__ void registers([[maybe_unused]] float (&d)[count], [[maybe_unused]] const u32 (&left)[4], \
                                                     [[maybe_unused]] uint64_t right, [[maybe_unused]] u32 add) { \
      SALIENT_REGISTERS("m64n" #N "k16.f32." type, count, a, b, c, e, f, g); \
    } \
  };
#define SALIENT_WGMMA_S8(N, count, a, b, c) \
  template <> \
  struct Wgmma<WgmmaS8, N> { \
    static __device__ __forceinline__ void shared([[maybe_unused]] int (&d)[count], [[maybe_unused]] uint64_t left, \
                                                  [[maybe_unused]] uint64_t right) { \
      SALIENT_SHARED("m64n" #N "k32.s32.s8.s8", count, "", "+r", a, b, c); \
    } \
  };

SALIENT_WGMMA(WgmmaF16, "f16.f16", 64, 32, "%32", "%33", "%34", "%35", "%36", "%37")
SALIENT_WGMMA(WgmmaF16, "f16.f16", 128, 64, "%64", "%65", "%66", "%67", "%68", "%69")
SALIENT_WGMMA(WgmmaF16, "f16.f16", 256, 128, "%128", "%129", "%130", "%131", "%132", "%133")
SALIENT_WGMMA(WgmmaBf16, "bf16.bf16", 64, 32, "%32", "%33", "%34", "%35", "%36", "%37")
SALIENT_WGMMA(WgmmaBf16, "bf16.bf16", 128, 64, "%64", "%65", "%66", "%67", "%68", "%69")
SALIENT_WGMMA(WgmmaBf16, "bf16.bf16", 256, 128, "%128", "%129", "%130", "%131", "%132", "%133")
SALIENT_WGMMA_S8(64, 32, "%32", "%33", "%34")
SALIENT_WGMMA_S8(128, 64, "%64", "%65", "%66")
SALIENT_WGMMA_S8(256, 128, "%128", "%129", "%130")

#undef SALIENT_WGMMA_S8
#undef SALIENT_WGMMA
#undef SALIENT_REGISTERS
#undef SALIENT_SHARED
#undef SALIENT_SUMS_128
#undef SALIENT_SUMS_64
#undef SALIENT_SUMS_32
#undef SALIENT_32
#undef SALIENT_8
#undef SALIENT_NUMBERS_128
#undef SALIENT_NUMBERS_64
#undef SALIENT_NUMBERS_32

#else
}  // namespace salient::cuda
#include "wgmma_emulated.h"
namespace salient::cuda {
#endif

}  // namespace salient::cuda
