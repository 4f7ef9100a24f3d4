// A third meaning of simt::launch: host code compiled with SALIENT_PTX (beside SALIENT_EMULATED) gives its launches to
// the interpreter of PTX, which runs what nvcc has made of the kernel. The kernel's body on the host is not run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ptx {

struct Argument {
  const void* at;
  size_t bytes;
};

struct Dimensions {
  unsigned x, y, z;
};

// Runs `kernel`, which is found by its name in the symbol table of the program or library that holds it. A fault ends
// the program with a message. In the environment:
//   SALIENT_PTX        the folder of the .ptx files
//   SALIENT_PTX_SEED   another order of blocks, warps, lanes and copies (0)
//   SALIENT_PTX_REPORT a file that a line is added to for each kernel that has run, when the program ends
void launch(const char* name, const void* kernel, Dimensions grid, Dimensions block, size_t shared,
            const Argument* arguments, size_t count);

}  // namespace ptx
