// A block's shared memory, with what is known of each word: who has written and read it last.
//
// Two accesses to a word, one of them a write, by threads with no barrier between them, are a race. Each warp has
// a clock that it moves at barriers, and knows how far it has heard of the others' (vector clocks).
#pragma once

#include "program.h"

namespace ptx {

// An asynchronous copy that has not arrived.
struct Copy {
  u32 target;
  u64 source;
  u32 bytes, from_source;
  bool early;     // read when it was asked for, not when it arrives
  u8 data[16];
};

class SharedMemory {
 public:
  void reset(size_t bytes, size_t warps);
  size_t size() const { return bytes_.size(); }

  // Of thread `lane` of `warp`, or of the warp as a whole (lane kWarp). Throw Fault at races and bad addresses.
  static constexpr u32 kWarp = 32;
  const u8* read(u32 warp, u32 lane, u64 address, u32 bytes);
  void write(u32 warp, u32 lane, u64 address, const void* data, u32 bytes);
  // For an atomic operation: where the bytes are. Races with it are not looked for.
  u8* exchange(u64 address, u32 bytes) { return check(address, bytes), bytes_.data() + address; }
  // A copy is on its way to these bytes, which nobody may touch until it is there.
  void expect(u32 warp, u32 lane, u64 address, u32 bytes);
  void arrive(u32 warp, u32 lane, u64 address, const void* data, u32 bytes);

  // The bytes of a copy are there, as of the time when it was begun.
  void land(u64 address, const void* data, u32 bytes);
  // By a product that is only begun, which sees what threads have written behind a fence of proxies alone.
  const u8* read_async(u32 warp, u64 address, u32 bytes);
  void fence_proxy(u32 warp) { fenced_[warp] = clocks_[warp][warp]++; }

  // All lanes of a warp have met.
  void warp_met(u32 warp) { clocks_[warp][warp]++; }
  // What a warp knows, for those who hear of it later (acquire).
  std::vector<u32> release(u32 warp);
  void acquire(u32 warp, const std::vector<u32>& known);
  // These warps have met at a barrier.
  void warps_met(const std::vector<u32>& warps);

 private:
  struct Access {
    u32 clock = 0;
    u16 warp = 0;
    u8 lane = kWarp;
    bool part = false;  // of less than the word
  };
  struct Word {
    Access writer, readers[2];
    bool flying = false;
    bool copied = false;  // written by a copy of a box, not by a thread
  };
  void check(u64 address, u32 bytes) const;
  bool ordered(const Access& before, const Access& now) const;
  Access access(u32 warp, u32 lane, u32 bytes) const;
  void wrote(u32 warp, u32 lane, u64 address, u32 bytes, const void* data);

  std::vector<u8> bytes_;
  std::vector<Word> words_;
  std::vector<std::vector<u32>> clocks_;
  std::vector<u32> fenced_;  // what each warp has written until then is seen by copies and products
};

}  // namespace ptx
