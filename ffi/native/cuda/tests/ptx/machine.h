// A block of threads at work: warps, their lanes, and the memory that they share.
#pragma once

#include <array>
#include <memory>
#include <random>

#include "hopper.h"
#include "program.h"
#include "shared.h"

namespace ptx {

constexpr u32 kAll = 0xffffffffu;

struct Size {
  u32 x = 1, y = 1, z = 1;
};

// What a launch says.
struct Launch {
  Kernel* kernel;
  Size grid, block;
  u32 dynamic_shared = 0;
  const u8* parameters = nullptr;  // laid out as kernel->parameters
  u32 seed = 0;
  // The allocation of global memory that holds an address; null: none.
  std::function<std::pair<const u8*, size_t>(const void*)> find_global;
};

// Runs it; throws Fault with the place and the instruction.
void run(const Launch& launch);

struct Block;

struct Warp {
  Block* block = nullptr;
  u32 index = 0;
  std::unique_ptr<u8[]> registers;
  std::array<u32, 32> pc{};
  u32 all = 0, living = 0;
  u32 blocked = 0;     // lanes at a collective instruction or at a barrier
  u32 at_barrier = 0;  // those of them at a barrier
  std::array<std::vector<std::vector<Copy>>, 32> groups;  // asynchronous copies of each lane
  std::array<std::vector<Copy>, 32> open;
  Products products;
  bool yields = false;  // has waited in vain: others may go on

  template <class T>
  T* at(const Operand& operand) {
    return reinterpret_cast<T*>(registers.get() + operand.offset);
  }
};

struct Block {
  const Launch* launch;
  Size place;
  SharedMemory shared;
  std::vector<Warp> warps;
  std::mt19937 random;
  Hopper hopper;
};

// Calls body(lane) for each of the lanes.
template <class F>
inline __attribute__((always_inline)) void each(u32 lanes, F body) {
  if (lanes == kAll) {
    for (u32 lane = 0; lane < 32; lane++) body(lane);
  } else {
    for (u32 left = lanes; left != 0; left &= left - 1) body(static_cast<u32>(__builtin_ctz(left)));
  }
}

template <class T>
constexpr Type type() {
  if constexpr (std::is_same_v<T, bool>) return {'p', 1};
  else if constexpr (std::is_floating_point_v<T>) return {'f', sizeof(T)};
  else return {std::is_signed_v<T> ? 's' : 'u', sizeof(T)};
}

template <auto F, class D, class... A>
void apply(Warp& warp, Instruction& instruction, u32 lanes) {
  [&]<size_t... I>(std::index_sequence<I...>) {
    D* const target = warp.at<D>(instruction.operands[0]);
    each(lanes, [&](u32 lane) { target[lane] = F(warp.at<A>(instruction.operands[1 + I])[lane]...); });
  }(std::index_sequence_for<A...>());
}

// An instruction that computes a D of some A, in each lane.
template <class D, class... A, class F>
Known computes(F) {
  return {apply<F{}, D, A...>, {type<D>(), type<A>()...}};
}

}  // namespace ptx
