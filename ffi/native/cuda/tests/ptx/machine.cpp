// Runs the blocks of a launch one after the other, in random order, and the warps of a block in turns of random
// length. Lanes of a warp have a place in the code each; those at the lowest place go on, so lanes that part meet
// again. Now and then others go first, which is allowed too.
#include "machine.h"

#include <algorithm>
#include <numeric>

namespace ptx {
namespace {

constexpr u32 kMostTurn = 400;  // instructions of a warp until another one may run

std::string place_of(const Block& block, const Warp& warp, u32 lanes, const Instruction& at) {
  char text[160];
  std::snprintf(text, sizeof text, ", block [%u, %u, %u], warp %u, lanes %08x", block.place.x, block.place.y,
                block.place.z, warp.index, lanes);
  const Kernel& kernel = *block.launch->kernel;
  return "\n  in " + kernel.name + text + "\n  at " + kernel.file + ":" + std::to_string(at.line) + ": " + at.text;
}

class Turn {
 public:
  Turn(Block& block, Warp& warp) : block_(block), warp_(warp), code_(block.launch->kernel->code) {}

  // Runs the warp until it waits, ends or has had its turn; whether it did anything.
  bool run() {
    u32 left = 1 + block_.random() % kMostTurn;
    warp_.yields = false;
    bool moved = false;
    while (left > 0 && choose()) {
      moved = true;
      while (left > 0 && active_ != 0 && pc_ < next_) {
        left--;
        step();
        if (warp_.yields) left = 0;
      }
      put_down();
    }
    return moved;
  }

 private:
  // Takes up the lanes that go on together.
  bool choose() {
    const u32 runnable = warp_.living & ~warp_.blocked;
    if (runnable == 0) return false;
    u32 first = kAll;
    each(runnable, [&](u32 lane) { first = std::min(first, warp_.pc[lane]); });
    if (block_.random() % 16 == 0) {  // others than the hindmost
      const u32 start = block_.random() % 32;
      for (u32 i = 0; i < 32; i++) {
        const u32 lane = (start + i) % 32;
        if ((runnable >> lane & 1) != 0) {
          first = warp_.pc[lane];
          break;
        }
      }
    }
    pc_ = first;
    active_ = 0;
    next_ = kAll;
    each(runnable, [&](u32 lane) {
      if (warp_.pc[lane] == pc_) active_ |= 1u << lane;
      else if (warp_.pc[lane] > pc_) next_ = std::min(next_, warp_.pc[lane]);
    });
    return true;
  }

  void put_down() {
    each(active_, [&](u32 lane) { warp_.pc[lane] = pc_; });
  }

  void leave(u32 lanes, u32 to) {
    each(lanes, [&](u32 lane) { warp_.pc[lane] = to; });
    active_ &= ~lanes;
  }

  void step() {
    Instruction& now = code_[pc_];
    u32 lanes = active_;
    if (now.guarded) {
      const bool* guard = reinterpret_cast<const bool*>(warp_.registers.get() + now.guard);
      u32 taken = 0;
      each(active_, [&](u32 lane) { taken |= static_cast<u32>(guard[lane] != now.negated) << lane; });
      lanes = taken;
    }
    if (lanes != 0) now.executed++;
    try {
      if (now.flow == Flow::Next) {
        if (lanes != 0) now.run(warp_, now, lanes);
        pc_++;
      } else {
        special(now, lanes);
      }
    } catch (const Fault& fault) {
      throw Fault(fault.what() + place_of(block_, warp_, lanes, now));
    }
  }

  void special(Instruction& now, u32 lanes) {
    switch (now.flow) {
      case Flow::Branch:
        if (lanes == active_) pc_ = now.target;
        else if (lanes == 0) pc_++;
        else {
          put_down();
          leave(lanes, now.target);
          pc_++;
          next_ = 0;  // choose again
        }
        return;
      case Flow::Exit:
        each(lanes, [&](u32 lane) { end(lane); });
        warp_.living &= ~lanes;
        active_ &= ~lanes;
        pc_++;
        return;
      case Flow::Collective:
        return meet(now, lanes);
      case Flow::Barrier:
        warp_.blocked |= lanes;
        warp_.at_barrier |= lanes;
        leave(lanes, pc_);
        pc_++;
        return;
      case Flow::Next:
        break;
    }
  }

  void end(u32 lane) {
    size_t bytes = warp_.open[lane].size();
    for (const auto& group : warp_.groups[lane]) bytes += group.size();
    if (bytes != 0) throw Fault("ends before its asynchronous copies have arrived");
    if (!warp_.products.open.empty() || !warp_.products.groups.empty()) throw Fault("ends before its products are done");
  }

  // Lanes wait at the instruction for those of their mask.
  void meet(Instruction& now, u32 lanes) {
    const u32 at = pc_;
    u32 here = lanes;
    each(warp_.blocked & ~warp_.at_barrier, [&](u32 lane) {
      if (warp_.pc[lane] == at) here |= 1u << lane;
    });
    leave(lanes, at);
    warp_.blocked |= lanes;
    pc_++;
    for (u32 left = here; left != 0;) {
      const u32 lane = static_cast<u32>(__builtin_ctz(left));
      const u32 mask = now.mask < 0 ? kAll : warp_.at<u32>(now.operands[static_cast<size_t>(now.mask)])[lane];
      if ((mask >> lane & 1) == 0) throw Fault("a lane that is not in its own mask");
      const u32 wanted = mask & warp_.living;
      if (now.mask < 0 && warp_.living != kAll) throw Fault("lanes of the warp are missing, which it needs");
      left &= ~mask;
      if ((wanted & ~here) != 0) continue;
      now.run(warp_, now, wanted);
      warp_.blocked &= ~wanted;
      each(wanted, [&](u32 each_lane) { warp_.pc[each_lane] = at + 1; });
      if ((wanted & ~lanes) == 0 && active_ == 0) {
        active_ = wanted;  // goes on without choosing again
      } else {
        next_ = 0;
      }
    }
    if (active_ != 0 && next_ != 0) return;
    next_ = 0;
  }

  Block& block_;
  Warp& warp_;
  std::vector<Instruction>& code_;
  u32 pc_ = 0, active_ = 0, next_ = kAll;
};

// Lets a block's barrier go where all its threads have come; whether it did.
bool release(Block& block) {
  std::vector<u32> warps(block.warps.size());
  std::iota(warps.begin(), warps.end(), 0);
  for (const Warp& warp : block.warps) {
    if (warp.at_barrier != warp.all) return false;  // no thread may have ended
    u32 place = kAll;
    each(warp.living, [&](u32 lane) {
      if (place != kAll && place != warp.pc[lane]) throw Fault("lanes of a warp wait at different barriers");
      place = warp.pc[lane];
    });
  }
  for (Warp& warp : block.warps) {
    each(warp.living, [&](u32 lane) { warp.pc[lane]++; });
    warp.blocked = warp.at_barrier = 0;
  }
  block.shared.warps_met(warps);
  return true;
}

[[noreturn]] void stuck(const Block& block) {
  std::string text = "the block cannot go on: threads wait for threads that do not come";
  for (const Warp& warp : block.warps) {
    if (warp.living == 0) text += "\n  warp " + std::to_string(warp.index) + " has ended";
    else text += place_of(block, warp, warp.living, block.launch->kernel->code[warp.pc[static_cast<u32>(__builtin_ctz(warp.living))]]);
  }
  throw Fault(text);
}

void prepare(Block& block, Warp& warp, u32 index, u32 threads) {
  const Launch& launch = *block.launch;
  const Kernel& kernel = *launch.kernel;
  warp.block = &block;
  warp.index = index;
  const u32 count = std::min(32u, threads - 32 * index);
  warp.all = warp.living = count == 32 ? kAll : (1u << count) - 1;
  warp.blocked = warp.at_barrier = 0;
  warp.pc.fill(0);
  warp.products = {};
  for (u32 lane = 0; lane < 32; lane++) warp.groups[lane].clear(), warp.open[lane].clear();
  if (!warp.registers) warp.registers = std::make_unique<u8[]>(kernel.image.size());
  std::memcpy(warp.registers.get(), kernel.image.data(), kernel.image.size());
  for (const auto& [offset, which] : kernel.special) {
    u32* lanes = reinterpret_cast<u32*>(warp.registers.get() + offset);
    for (u32 lane = 0; lane < 32; lane++) {
      const u32 thread = 32 * index + lane;
      const Size& size = launch.block;
      const u32 values[] = {thread % size.x, thread / size.x % size.y, thread / size.x / size.y, size.x, size.y, size.z,
                            block.place.x,   block.place.y,            block.place.z,            launch.grid.x, launch.grid.y, launch.grid.z, lane};
      lanes[lane] = values[which];
    }
  }
}

void run_block(Block& block, u32 threads) {
  const Launch& launch = *block.launch;
  const u32 warps = (threads + 31) / 32;
  block.shared.reset(launch.kernel->static_shared + launch.dynamic_shared, warps);
  block.warps.resize(warps);
  block.hopper = {};
  for (u32 i = 0; i < warps; i++) prepare(block, block.warps[i], i, threads);
  std::vector<u32> order(warps);
  std::iota(order.begin(), order.end(), 0);
  for (;;) {
    bool moved = false, living = false;
    std::shuffle(order.begin(), order.end(), block.random);
    for (u32 i : order) {
      moved |= Turn(block, block.warps[i]).run();
      living |= block.warps[i].living != 0;
    }
    if (!living && !block.hopper.copies.empty()) throw Fault("the block ends before its copies have arrived, in " + launch.kernel->name);
    if (!living) return;
    if (!moved && !release(block)) stuck(block);
  }
}

}  // namespace

void run(const Launch& launch) {
  const Size &grid = launch.grid, &size = launch.block;
  const u32 threads = size.x * size.y * size.z;
  if (threads > launch.kernel->most_threads) throw Fault("a block of " + std::to_string(threads) + " threads for " + launch.kernel->name);
  std::vector<u64> order(static_cast<size_t>(grid.x) * grid.y * grid.z);
  std::iota(order.begin(), order.end(), 0);
  Block block{&launch, {}, {}, {}, std::mt19937(launch.seed), {}};
  std::shuffle(order.begin(), order.end(), block.random);
  for (u64 i : order) {
    block.place = {static_cast<u32>(i % grid.x), static_cast<u32>(i / grid.x % grid.y), static_cast<u32>(i / grid.x / grid.y)};
    run_block(block, threads);
  }
}

}  // namespace ptx
