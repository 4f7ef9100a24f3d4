#include "hopper.h"

#include <algorithm>

#include "../../kernels/tensor_map.h"
#include "machine.h"

namespace ptx {
namespace {

constexpr u64 kMostInVain = 1000000;

u32 shared_of(Warp& warp, const Operand& operand, u32 lane) {
  const u64 base = operand.bytes == 4 ? warp.at<u32>(operand)[lane] : warp.at<u64>(operand)[lane];
  return static_cast<u32>(base + static_cast<u64>(operand.displacement));
}

PhaseBarrier& barrier_at(Block& block, u32 address) {
  const auto found = block.hopper.barriers.find(address);
  if (found == block.hopper.barriers.end()) throw Fault("no mbarrier at shared address " + std::to_string(address));
  return found->second;
}

void join(std::vector<u32>& into, const std::vector<u32>& from) {
  if (into.size() < from.size()) into.resize(from.size());
  for (size_t i = 0; i < from.size(); i++) into[i] = std::max(into[i], from[i]);
}

void end_phase(Block& block, PhaseBarrier& barrier) {
  block.hopper.in_vain = 0;
  if (barrier.missing > 0 || barrier.bytes != 0) return;
  barrier.told = std::move(barrier.gathering);
  barrier.gathering.clear();
  barrier.missing = barrier.expected;
  barrier.parity ^= 1;
}

void init(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) {
    const u32 address = shared_of(warp, i.operands[0], lane), count = warp.at<u32>(i.operands[1])[lane];
    if (address % 8 != 0 || address + 8 > warp.block->shared.size() || count == 0) throw Fault("no place or count for an mbarrier");
    if (warp.block->hopper.barriers.contains(address)) throw Fault("an mbarrier is made twice");
    PhaseBarrier made;
    made.expected = made.missing = count;
    made.gathering = warp.block->shared.release(warp.index);
    warp.block->hopper.barriers[address] = made;
  });
}

// mbarrier.arrive, with or without bytes that it lets the phase wait for.
template <bool with_bytes>
void arrive(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) {
    PhaseBarrier& barrier = barrier_at(*warp.block, shared_of(warp, i.operands[0], lane));
    join(barrier.gathering, warp.block->shared.release(warp.index));
    if (with_bytes) barrier.bytes += warp.at<u32>(i.operands[1])[lane];
    if (barrier.missing == 0) throw Fault("more arrivals than the mbarrier was made for");
    barrier.missing--;
    end_phase(*warp.block, barrier);
  });
}

// The box's bytes in the order of its rows; what lies outside of the matrix is zero.
std::vector<u8> read_box(const Launch& launch, const BoxCopy& copy) {
  salient::cuda::MatrixBoxes map;
  std::memcpy(&map, reinterpret_cast<const void*>(copy.map), sizeof map);
  const u32 element = static_cast<u32>(salient::cuda::element_bytes(map.type)), pitch = map.box_columns * element;
  std::vector<u8> bytes(map.box_rows * pitch, 0);
  for (u32 row = 0; row < map.box_rows; row++) {
    for (u32 column = 0; column < map.box_columns; column++) {
      const s64 y = static_cast<s64>(copy.y) + row, x = static_cast<s64>(copy.x) + column;
      if (y < 0 || x < 0 || y >= map.rows || x >= map.columns) continue;
      const u8* from = static_cast<const u8*>(map.data) + static_cast<size_t>(y) * map.row_bytes + static_cast<size_t>(x) * element;
      const auto [start, size] = launch.find_global(from);
      if (start == nullptr || from + element > start + size) throw Fault("a tensor map's matrix is not in memory");
      std::memcpy(&bytes[row * pitch + column * element], from, element);
    }
  }
  return bytes;
}

void copy_arrives(Block& block, size_t which) {
  BoxCopy copy = std::move(block.hopper.copies[which]);
  block.hopper.copies.erase(block.hopper.copies.begin() + static_cast<s64>(which));
  if (copy.data.empty()) copy.data = read_box(*block.launch, copy);
  salient::cuda::MatrixBoxes map;
  std::memcpy(&map, reinterpret_cast<const void*>(copy.map), sizeof map);
  for (u32 at = 0; at < copy.data.size(); at += 16) {
    const u32 to = copy.target + at;
    // With 128-byte swizzling bits 4 to 6 of an address are exchanged by those of bits 7 to 9.
    block.shared.land(map.swizzled ? to ^ (to >> 7 & 7) << 4 : to, &copy.data[at], 16);
  }
  PhaseBarrier& barrier = barrier_at(block, copy.barrier);
  if (barrier.gathering.size() <= copy.warp) barrier.gathering.resize(copy.warp + 1);
  barrier.gathering[copy.warp] = std::max(barrier.gathering[copy.warp], copy.clock);
  barrier.bytes -= static_cast<s64>(copy.data.size());
  end_phase(block, barrier);
}

void copy_box(Warp& warp, Instruction& i, u32 lanes) {
  Block& block = *warp.block;
  each(lanes, [&](u32 lane) {
    BoxCopy copy{};
    copy.target = shared_of(warp, i.operands[0], lane);
    copy.map = warp.at<u64>(i.operands[1])[lane];
    copy.x = warp.at<s32>(i.operands[2])[lane];
    copy.y = warp.at<s32>(i.operands[3])[lane];
    copy.barrier = shared_of(warp, i.operands[4], lane);
    const u64 inside = copy.map - reinterpret_cast<u64>(block.launch->parameters);
    if (inside % 64 != 0 || inside + 128 > block.launch->kernel->parameter_bytes) throw Fault("no tensor map in the parameters");
    salient::cuda::MatrixBoxes map;
    std::memcpy(&map, reinterpret_cast<const void*>(copy.map), sizeof map);
    const u32 bytes = map.box_columns * map.box_rows * static_cast<u32>(salient::cuda::element_bytes(map.type));
    if (copy.target % (map.swizzled ? 1024 : 128) != 0) throw Fault("a box's place in shared memory is not aligned");
    barrier_at(block, copy.barrier);
    for (u32 at = 0; at < bytes; at += 16) block.shared.expect(warp.index, lane, copy.target + at, 16);
    copy.warp = warp.index;
    copy.clock = block.shared.release(warp.index)[warp.index];
    if (block.random() % 2 == 0) copy.data = read_box(*block.launch, copy);
    block.hopper.copies.push_back(std::move(copy));
    block.hopper.in_vain = 0;
  });
}

// Whether the phase of that parity is over. A wait in vain lets one copy arrive.
void try_wait(Warp& warp, Instruction& i, u32 lanes) {
  Block& block = *warp.block;
  bool failed = false;
  each(lanes, [&](u32 lane) {
    PhaseBarrier& barrier = barrier_at(block, shared_of(warp, i.operands[1], lane));
    const bool over = barrier.parity != (warp.at<u32>(i.operands[2])[lane] & 1);
    if (over) block.shared.acquire(warp.index, barrier.told);
    failed |= !over;
    warp.at<bool>(i.operands[0])[lane] = over;
  });
  if (!failed) return;
  warp.yields = true;
  if (!block.hopper.copies.empty()) copy_arrives(block, block.random() % block.hopper.copies.size());
  else if (++block.hopper.in_vain > kMostInVain) throw Fault("threads wait for a phase of an mbarrier that does not end");
}

void fence_proxy(Warp& warp, Instruction&, u32) { warp.block->shared.fence_proxy(warp.index); }
void nothing(Warp&, Instruction&, u32) {}

// A parameter's generic address: that of the host's copy.
void parameter_address(Warp& warp, Instruction& i, u32 lanes) {
  const u64 start = reinterpret_cast<u64>(warp.block->launch->parameters);
  each(lanes, [&](u32 lane) { warp.at<u64>(i.operands[0])[lane] = start + warp.at<u64>(i.operands[1])[lane]; });
}

}  // namespace

bool decode_hopper(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  const auto shared = [&](size_t i) { into.operands.push_back(operands.address(written.at(i), "shared")); };
  const auto number = [&](size_t i, size_t word) { into.operands.push_back(operands.operand(written.at(i).words.at(word), {'u', 4})); };
  if (opcode == "mbarrier.init.shared::cta.b64" && written.size() == 2) {
    into.run = init;
    shared(0), number(1, 0);
  } else if (opcode == "mbarrier.arrive.shared::cta.b64" && written.size() == 2 && written[0].words[0] == "_") {
    into.run = arrive<false>;
    shared(1);
  } else if (opcode == "mbarrier.arrive.expect_tx.shared::cta.b64" && written.size() == 3 && written[0].words[0] == "_") {
    into.run = arrive<true>;
    shared(1), number(2, 0);
  } else if (opcode == "mbarrier.try_wait.parity.shared::cta.b64" && written.size() == 3) {
    into.run = try_wait;
    into.operands.push_back(operands.operand(written[0].words[0], {'p', 1}));
    shared(1), number(2, 0);
  } else if (opcode == "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes" && written.size() == 3) {
    into.run = copy_box;
    shared(0);
    into.operands.push_back(operands.operand(written[1].words.at(0), {'u', 8}));
    number(1, 1), number(1, 2), shared(2);
  } else if (opcode == "cvta.param.u64" && written.size() == 2) {
    into.run = parameter_address;
    for (const Written& each : written) into.operands.push_back(operands.operand(each.words[0], {'u', 8}));
  } else if (opcode == "fence.proxy.async.shared::cta" && written.empty()) {
    into.run = fence_proxy;
  } else if (opcode == "fence.mbarrier_init.release.cluster" && written.empty()) {
    into.run = nothing;
  } else if (opcode.rfind("setmaxnreg.", 0) == 0 && written.size() == 1) {
    into.run = nothing;
    into.flow = Flow::Collective;
  }
  return into.run != nullptr;
}

}  // namespace ptx
