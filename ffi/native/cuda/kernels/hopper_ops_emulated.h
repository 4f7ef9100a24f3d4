// The bodies of hopper_ops.h on the host.
//
// A copy of a box arrives no sooner than someone waits for its barrier; until then its target is NaN. Addresses in
// shared memory are so counted that what is aligned in the kernel's own counting is not aligned by accident.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../emulated/race_check.h"

namespace salient::cuda {

namespace emulated_hopper {

[[noreturn]] inline void wrong(const char* what) {
  std::fprintf(stderr, "Emulated sm_90a: %s\n", what);
  std::abort();
}

// Where dynamic shared memory begins in its own counting: on 128 bytes, as is promised, and on no more.
constexpr u32 kSharedStart = 1024 + 128;

inline unsigned char* shared_pointer(u32 address, u32 bytes) {
  if (address < kSharedStart || address + bytes > kSharedStart + simt::dynamic_bytes()) wrong("an address beyond shared memory");
  return simt::dynamic_shared() + (address - kSharedStart);
}

// What a barrier's eight bytes hold.
struct BarrierState {
  uint16_t phase, arrivals, pending, made;
};
constexpr uint16_t kMade = 0x5a17;

struct Box {
  Barrier* barrier;
  unsigned char* target;
  const TensorMap* map;
  u32 x, y;
};
inline std::vector<Box> boxes;  // that have not arrived
// Bytes that barriers expect, less those that came.
inline std::vector<std::pair<Barrier*, int64_t>> expected;

inline int64_t& expected_of(Barrier* barrier) {
  for (auto& [of, bytes] : expected) {
    if (of == barrier) return bytes;
  }
  return expected.emplace_back(barrier, 0).second;
}

inline BarrierState state_of(const Barrier* barrier) {
  BarrierState state;
  std::memcpy(&state, barrier, sizeof state);
  if (state.made != kMade) wrong("a barrier that was not made");
  return state;
}

inline void advance(Barrier* barrier, BarrierState state) {
  if (state.pending == 0 && expected_of(barrier) == 0) state.phase ^= 1, state.pending = state.arrivals;
  std::memcpy(barrier, &state, sizeof state);
}

// Calls give(place in the box, its 16 bytes) for all of a box; zeros where the matrix ends.
template <class Give>
void each_piece(const MatrixBoxes& m, u32 x, u32 y, Give give) {
  const size_t element = element_bytes(m.type), pieces = m.box_columns * element / 16;
  for (u32 row = 0; row < m.box_rows; ++row) {
    for (u32 piece = 0; piece < pieces; ++piece) {
      unsigned char bytes[16] = {};
      for (u32 i = 0; i < 16; ++i) {
        const size_t column = x + (piece * size_t{16} + i) / element;
        if (column >= m.columns || y + row >= m.rows) continue;
        bytes[i] = static_cast<const unsigned char*>(m.data)[(y + row) * m.row_bytes + x * element + piece * size_t{16} + i];
      }
      give((row * pieces + piece) * 16, bytes);
    }
  }
}

inline size_t box_bytes(const MatrixBoxes& m) { return size_t{m.box_rows} * m.box_columns * element_bytes(m.type); }

// Lets what was asked for with this barrier arrive.
inline void land(Barrier* barrier) {
  for (size_t i = 0; i < boxes.size();) {
    const Box box = boxes[i];
    if (box.barrier != barrier) {
      ++i;
      continue;
    }
    boxes.erase(boxes.begin() + static_cast<std::ptrdiff_t>(i));
    MatrixBoxes m;
    std::memcpy(&m, box.map->words, sizeof m);
    const u32 start = kSharedStart + static_cast<u32>(box.target - simt::dynamic_shared());
    each_piece(m, box.x, box.y, [&](size_t place, const unsigned char* bytes) {
      // The three lowest bits that count 16 bytes, by those that count 128.
      u32 address = start + static_cast<u32>(place);
      if (m.swizzled) address ^= (address >> 7 & 7) << 4;
      std::memcpy(shared_pointer(address, 16), bytes, 16);
    });
    expected_of(barrier) -= static_cast<int64_t>(box_bytes(m));
    advance(barrier, state_of(barrier));
  }
}

// Copies and bytes that nobody waited for: a kernel must leave none.
inline size_t left() {
  size_t count = boxes.size();
  for (const auto& [barrier, bytes] : expected) count += bytes != 0;
  boxes.clear(), expected.clear();
  return count;
}

}  // namespace emulated_hopper

inline u32 shared_address(const void* at) {
  return emulated_hopper::kSharedStart + static_cast<u32>(static_cast<const unsigned char*>(at) - simt::dynamic_shared());
}

inline void barrier_init(Barrier* barrier, u32 arrivals) {
  const race_check::Unchecked scope;
  const emulated_hopper::BarrierState state{0, static_cast<uint16_t>(arrivals), static_cast<uint16_t>(arrivals), emulated_hopper::kMade};
  std::memcpy(barrier, &state, sizeof state);
}
inline void fence_barriers() {}

// What was done before an arrival is done before what comes after the wait for its phase.
inline void barrier_arrive(Barrier* barrier) {
  race_check::release(barrier);
  const race_check::Unchecked scope;
  emulated_hopper::BarrierState state = emulated_hopper::state_of(barrier);
  if (state.pending == 0) emulated_hopper::wrong("more arrivals at a barrier than it was made for");
  --state.pending;
  emulated_hopper::advance(barrier, state);
}
inline void barrier_expect(Barrier* barrier, u32 bytes) {
  {
    const race_check::Unchecked scope;
    emulated_hopper::expected_of(barrier) += bytes;
  }
  barrier_arrive(barrier);
}
inline void barrier_wait(Barrier* barrier, u32 parity) {
  simt::wait_until([&] {
    const race_check::Unchecked scope;
    emulated_hopper::land(barrier);
    return emulated_hopper::state_of(barrier).phase != parity;
  });
  race_check::acquire(barrier);
}

inline void copy_box(void* target, const TensorMap* map, u32 x, u32 y, Barrier* barrier) {
  MatrixBoxes m;
  std::memcpy(&m, map->words, sizeof m);
  // The copy may write from now on.
  std::memset(emulated_hopper::shared_pointer(shared_address(target), static_cast<u32>(emulated_hopper::box_bytes(m))), 0xff,
              emulated_hopper::box_bytes(m));
  race_check::release(barrier);
  const race_check::Unchecked scope;
  if (shared_address(target) % (m.swizzled ? 1024 : 128) != 0) emulated_hopper::wrong("a box that does not start where it must");
  emulated_hopper::state_of(barrier);
  emulated_hopper::boxes.push_back({barrier, static_cast<unsigned char*>(target), map, x, y});
}

template <int count>
void give_registers() {
  static_assert(count % 8 == 0 && count >= 24 && count <= 256);
}
template <int count>
void take_registers() {
  static_assert(count % 8 == 0 && count >= 24 && count <= 256);
}

}  // namespace salient::cuda
