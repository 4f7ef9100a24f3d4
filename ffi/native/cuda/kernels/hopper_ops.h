// What sm_90a gives beside warp_ops.h: barriers in shared memory that count bytes, copies of boxes of a matrix that a
// single thread starts, and the fences of the warpgroups' products (wgmma.h). PTX ISA: "mbarrier",
// "cp.async.bulk.tensor", "wgmma". On the host (SALIENT_EMULATED) each has a plain body, in hopper_ops_emulated.h.
//
// Compiled for another architecture these functions do nothing, and so do the kernels made of them: SALIENT_HOPPER is
// defined where they have a meaning, and the host launches them on compute capability 9.0 alone (wgmma_device.h).
#pragma once

#include "tensor_map.h"
#include "warp_ops.h"

#if defined(SALIENT_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define SALIENT_HOPPER 1
#endif

namespace salient::cuda {

// Bytes of shared memory of a block.
constexpr u32 kMostShared = 227 * 1024;

// A barrier in shared memory. Its phase ends when as many arrivals as it was made for and all expected bytes are there.
using Barrier = uint64_t;

#if !defined(SALIENT_EMULATED)

#if defined(SALIENT_HOPPER)
#define SALIENT_HOPPER_ASM(...) asm volatile(__VA_ARGS__)
#else
#define SALIENT_HOPPER_ASM(...)
#endif

// One thread; then fence_barriers and a barrier of the block.
__device__ __forceinline__ void barrier_init([[maybe_unused]] Barrier* barrier, [[maybe_unused]] u32 arrivals) {
  SALIENT_HOPPER_ASM("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

// The thread's barriers become known to the copies.
__device__ __forceinline__ void fence_barriers() {
  SALIENT_HOPPER_ASM("fence.mbarrier_init.release.cluster;" ::: "memory");
  SALIENT_HOPPER_ASM("fence.proxy.async.shared::cta;" ::: "memory");
}

// Arrives, and lets the phase wait for `bytes` of copies.
__device__ __forceinline__ void barrier_expect([[maybe_unused]] Barrier* barrier, [[maybe_unused]] u32 bytes) {
  SALIENT_HOPPER_ASM("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
                     : "memory");
}

__device__ __forceinline__ void barrier_arrive([[maybe_unused]] Barrier* barrier) {
  SALIENT_HOPPER_ASM("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

// Waits for the end of the phase of that parity: phases count 0, 1, 0, ...; the one before the first counts 1 and is over.
__device__ __forceinline__ void barrier_wait([[maybe_unused]] Barrier* barrier, [[maybe_unused]] u32 parity) {
  SALIENT_HOPPER_ASM(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// One thread: a box of the matrix, from column x and row y on, to shared memory (128-byte aligned; 1024 where the map
// swizzles). What lies outside of the matrix is zero. The whole box counts as bytes of the barrier.
__device__ __forceinline__ void copy_box([[maybe_unused]] void* target, [[maybe_unused]] const TensorMap* map,
                                         [[maybe_unused]] u32 x, [[maybe_unused]] u32 y, [[maybe_unused]] Barrier* barrier) {
  SALIENT_HOPPER_ASM(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          shared_address(target)),
      "l"(map), "r"(x), "r"(y), "r"(shared_address(barrier))
      : "memory");
}

// A warpgroup that only starts copies gives registers back; those that compute take them. Multiples of 8; every
// warp of the warpgroup.
template <int count>
__device__ __forceinline__ void give_registers() {
  SALIENT_HOPPER_ASM("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}
template <int count>
__device__ __forceinline__ void take_registers() {
  SALIENT_HOPPER_ASM("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}

// Before the first product that reads or adds to registers which were written since the last one.
__device__ __forceinline__ void wgmma_fence() { SALIENT_HOPPER_ASM("wgmma.fence.sync.aligned;" ::: "memory"); }

// The products so far become a group.
__device__ __forceinline__ void wgmma_commit() { SALIENT_HOPPER_ASM("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits until all but the last N groups are done: their sums are there, and what they read may be written.
template <int N>
__device__ __forceinline__ void wgmma_wait() {
  SALIENT_HOPPER_ASM("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

#undef SALIENT_HOPPER_ASM

#else
}  // namespace salient::cuda
#include "hopper_ops_emulated.h"
namespace salient::cuda {
#endif

// The first place from `at` on that starts on 1024 bytes of shared memory, as the pattern of 128-byte swizzling does.
__device__ __forceinline__ unsigned char* swizzle_start(unsigned char* at) {
  return at + (1024 - shared_address(at) % 1024) % 1024;
}

// The descriptor of a matrix in shared memory, rows of 128 bytes, as a copy with 128-byte swizzling leaves it: bits 0 to 13
// start address / 16, 16 to 29 leading offset (not used with swizzling; 1), 32 to 45 offset from eight rows to
// the next eight / 16, 62 and 63 the kind of swizzling. 32 bytes further along the rows: 2 more.
__device__ __forceinline__ uint64_t swizzled_matrix(const void* start) {
  return static_cast<uint64_t>(shared_address(start) % 0x40000 / 16) | uint64_t{1} << 16 | uint64_t{1024 / 16} << 32 |
         uint64_t{1} << 62;
}

}  // namespace salient::cuda
