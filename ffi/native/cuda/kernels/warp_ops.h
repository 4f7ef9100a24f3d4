// What PTX gives a warp beyond CUDA C++: matrix products, matrix loads, asynchronous copies, packed arithmetic of
// 16-bit numbers. On the host (SALIENT_EMULATED) each has a plain body with the lane maps of the PTX ISA ("Matrix
// Fragments for mma.m16n8k16 with floating point type", "... for mma.m16n8k32", "ldmatrix"), in warp_ops_emulated.h.
//
// With g = lane / 4 and c = lane % 4, 16-bit m16n8k16:
//   A, registers 0 to 3: rows g, g + 8, g, g + 8; columns 2c + {0, 1} in 0 and 1, 2c + 8 + {0, 1} in 2 and 3
//   B, registers 0 and 1: column g; rows 2c + {0, 1}, 2c + 8 + {0, 1}
//   C, 0 to 3: row g, columns 2c, 2c + 1; row g + 8, columns 2c, 2c + 1
// 8-bit m16n8k32: the same registers, with four bytes where there are two numbers.
#pragma once

#include "../simt.h"

namespace salient::cuda {

using u32 = uint32_t;

constexpr u32 kAllLanes = 0xffffffffu;

#if !defined(SALIENT_EMULATED)

// d += a b, fp16. Volatile: a warp's lanes do it together, so it must not be moved into a branch that only some take.
__device__ __forceinline__ void mma_f16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ void mma_bf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ void mma_s8(int (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ u32 shared_address(const void* at) {
  return static_cast<u32>(__cvta_generic_to_shared(at));
}

// Four 8 x 8 matrices of 16-bit words (16-byte rows); lane i gives the address of row i % 8 of matrix i / 8.
__device__ __forceinline__ void load_matrices(u32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

// The same, each matrix transposed.
__device__ __forceinline__ void load_matrices_transposed(u32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

// 16 bytes into shared memory, past L1; the first `bytes` of them, then zeros.
__device__ __forceinline__ void copy_async(void* target, const void* source, u32 bytes = 16) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(target)), "l"(source), "r"(bytes)
               : "memory");
}

// An address in shared memory, taken once: what is added to it costs no conversion.
using SharedPlace = u32;
__device__ __forceinline__ SharedPlace shared_place(const void* at) { return shared_address(at); }
// 16 bytes past L1, by the threads for which `wanted`, without a branch.
__device__ __forceinline__ void copy_async_if(bool wanted, SharedPlace target, const void* source) {
  asm volatile("{.reg .pred p; setp.ne.u32 p, %0, 0; @p cp.async.cg.shared.global [%1], [%2], 16;}" ::"r"(static_cast<u32>(wanted)),
               "r"(target), "l"(source)
               : "memory");
}
// Volatile: a load stays behind the barriers before it.
__device__ __forceinline__ uint4 load_sixteen(SharedPlace at) {
  uint4 d;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(d.x), "=r"(d.y), "=r"(d.z), "=r"(d.w) : "r"(at) : "memory");
  return d;
}
__device__ __forceinline__ uint2 load_eight(SharedPlace at) {
  uint2 d;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(d.x), "=r"(d.y) : "r"(at) : "memory");
  return d;
}
__device__ __forceinline__ u32 load_four_bytes(SharedPlace at) {
  u32 d;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(d) : "r"(at) : "memory");
  return d;
}
// The same value, which the compiler cannot compute anew: it stays in its register through a loop, where ptxas
// would rather repeat a handful of instructions each time.
__device__ __forceinline__ u32 held(u32 value) { return __shfl_xor_sync(kAllLanes, value, 0); }

// The copies of this thread so far become a group.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until all but the last N groups of this thread are there. Others see them after a barrier.
template <int N>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// (word & mask) | magic in one instruction.
template <u32 mask, u32 magic>
__device__ __forceinline__ u32 masked(u32 word) {
  u32 result;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(result) : "r"(word), "n"(mask), "n"(magic));
  return result;
}

// Two fp16 numbers in a word.
__device__ __forceinline__ u32 sub_f16x2(u32 a, u32 b) {
  u32 d;
  asm("sub.rn.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
  return d;
}
__device__ __forceinline__ u32 fma_f16x2(u32 a, u32 b, u32 c) {
  u32 d;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
__device__ __forceinline__ u32 fma_bf16x2(u32 a, u32 b, u32 c) {
  u32 d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}

// `low` in the lower half of the word; rounded half to even.
__device__ __forceinline__ u32 pack_f16(float low, float high) {
  u32 d;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}
__device__ __forceinline__ u32 pack_bf16(float low, float high) {
  u32 d;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}

__device__ __forceinline__ float f16_to_float(u32 half) {
  float d;
  asm("{.reg .b16 h; cvt.u16.u32 h, %1; cvt.f32.f16 %0, h;}" : "=f"(d) : "r"(half));
  return d;
}

#else
}  // namespace salient::cuda
#include "warp_ops_emulated.h"
namespace salient::cuda {
#endif

// `a` where the mask has ones, `b` elsewhere: one instruction.
template <u32 mask>
__device__ __forceinline__ u32 chosen(u32 a, u32 b) {
  return (a & mask) | (b & ~mask);
}

__device__ __forceinline__ float bf16_to_float(u32 bits) { return __uint_as_float(bits << 16); }
__device__ __forceinline__ u32 f16_of(float value) { return pack_f16(value, 0.0f) & 0xffffu; }
__device__ __forceinline__ u32 bf16_of(float value) { return pack_bf16(value, 0.0f) & 0xffffu; }

}  // namespace salient::cuda
