// Kernels that run on a GPU and, for tests without one, on the host.
//
// A kernel is written in CUDA's own words: __global__, __device__, threadIdx, __syncthreads, __shared__, warp
// shuffles, atomics. nvcc compiles it as it is. g++ compiles the same file with -DSALIENT_EMULATED: this header
// then gives those words a meaning on the host. A launch is a loop over blocks; the threads of a block are
// fibers that wait for each other at barriers and shuffles (emulated/simt.cpp). One kernel runs at a time.
//
// How to write one:
// - Include this header only, not cuda_runtime.h. The file ends in .cu; with g++ it is C++20 (-x c++).
// - Launch with simt::launch("name for errors", kernel, grid, block, dynamic shared bytes, arguments...), never
//   with <<<>>>. Everything runs in simt::stream(), so launches are in order. Arguments are converted to the
//   kernel's parameter types. A failed launch throws Failure with the name and the shape of the launch. More
//   than 48 KiB of dynamic shared memory is asked for by launch itself.
// - A launch may be recorded and done again with the same grid and arguments (recording.h). So what changes from one step of
//   decoding to the next must be read from device memory, and no other memory than that of the call's may be kept.
// - Static shared memory: `__shared__ float tile[32][33];`. Dynamic: `SIMT_DYNAMIC_SHARED(float, tile);` gives
//   `float* tile`, 16-byte aligned (128 bytes with the macro's third word, e.g. for swizzled tiles).
//   Emulated dynamic shared memory is NaN at the start of each block.
// - A barrier must be reached by every thread of the block; threads may not return before one. That, and lanes
//   that wait for each other for ever, ends the emulated program with a message.
// - Shuffles take 4- or 8-byte values. A lane that is not in the mask or has ended is not waited for.
// - PTX has no meaning here: put it behind a function that has a body for SALIENT_EMULATED too.
// - Both compilers round every operation on its own (--fmad=false, -ffp-contract=off). Write fmaf where a fused
//   multiply-add is meant; in sums it should be, in what decides an integer never.
// - Device memory must not be touched by host code. With SALIENT_EMULATED_PROTECT=1 in the environment the emulation
//   makes it unreadable outside of kernels, so that a mistake ends the program here as it would on a GPU. Copies go
//   through device.h.
// - With SALIENT_EMULATED_IDLE=1 kernels are not run at all, which leaves the host's share of the time to be measured;
//   SALIENT_EMULATED_TRAFFIC=FILE counts launches and copies. emulated/traffic.h says what that is good for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tape.h"

#if !defined(SALIENT_EMULATED)

#include <cuda_runtime.h>

namespace simt {

using Stream = cudaStream_t;

// The stream that launches of this thread go to: the library's, unless they are being captured (device::capture).
Stream stream();

// Throws Failure where the launch named `name` failed.
void check_launch(cudaError_t result, const char* name, dim3 grid, dim3 block, size_t shared);

template <class... Parameters>
void launch_now(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
                Parameters... values) {
  kernel<<<grid, block, shared, stream()>>>(values...);
  check_launch(cudaGetLastError(), name, grid, block, shared);
}

template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
            Arguments&&... arguments) {
  if (shared > 48 * 1024) {
    check_launch(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
                 name, grid, block, shared);
  }
  launch_now<Parameters...>(name, kernel, grid, block, shared, static_cast<Parameters>(arguments)...);
  if (tape == nullptr) return;
  tape->push_back([=, ... values = static_cast<Parameters>(arguments)] {
    launch_now<Parameters...>(name, kernel, grid, block, shared, values...);
  });
}

}  // namespace simt

#define SIMT_DYNAMIC_SHARED(type, name)                                \
  extern __shared__ __align__(128) unsigned char simt_dynamic_bytes[]; \
  type* name = reinterpret_cast<type*>(simt_dynamic_bytes)

#else

#include "emulated/words.h"

#endif

namespace simt {

// Blocks of `size` that hold `count`.
inline unsigned blocks(size_t count, size_t size) { return static_cast<unsigned>((count + size - 1) / size); }

}  // namespace simt
