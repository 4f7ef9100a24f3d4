// What a block has of sm_90a: barriers that count arrivals and bytes, copies of boxes, and products that are only begun.
#pragma once

#include <map>

#include "program.h"

namespace ptx {

// An mbarrier object. Its phase ends when no arrival and no byte is missing.
struct PhaseBarrier {
  u32 expected = 0, missing = 0;
  s64 bytes = 0;      // still to come
  u32 parity = 0;     // of the phase that goes on
  std::vector<u32> gathering, told;  // clocks: of those who have arrived, and of the last phase that is over
};

// A box on its way: rows of bytes and where they go.
struct BoxCopy {
  u64 map;
  s32 x, y;
  u32 target, barrier, warp, clock;
  std::vector<u8> data;  // of the source, where it was read at once
};

struct Hopper {
  std::map<u32, PhaseBarrier> barriers;
  std::vector<BoxCopy> copies;
  u64 in_vain = 0;  // waits since something has happened
};

// wgmma.mma_async that has not been waited for.
struct Product {
  Instruction* instruction;
  std::vector<u8> sums;  // of the registers before it; empty where they are an earlier product's
  bool early;            // A's registers were read at once
  u32 a[4][32];
  u64 left, right;
  bool add;
};
struct Products {
  std::vector<std::vector<Product>> groups;
  std::vector<Product> open;
};

bool decode_hopper(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into);
bool decode_wgmma(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into);

}  // namespace ptx
