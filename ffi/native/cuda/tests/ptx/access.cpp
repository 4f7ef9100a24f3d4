// Loads, stores, atomic operations and asynchronous copies. Every address is held against its range and alignment.
#include <algorithm>

#include "machine.h"

namespace ptx {
namespace {

u64 address_of(Warp& warp, const Operand& operand, u32 lane) {
  const u64 base = operand.bytes == 4 ? warp.at<u32>(operand)[lane] : warp.at<u64>(operand)[lane];
  return operand.bytes == 4 ? static_cast<u32>(base + static_cast<u64>(operand.displacement))
                            : base + static_cast<u64>(operand.displacement);
}

// Global memory at an address, or Fault.
u8* global(Warp& warp, Instruction& instruction, u64 address, u64 bytes, u64 align) {
  if (address % align != 0) throw Fault("a global address that is no multiple of " + std::to_string(align));
  if (address < instruction.low || address + bytes > instruction.high) {
    const auto [start, size] = warp.block->launch->find_global(reinterpret_cast<const void*>(address));
    instruction.low = reinterpret_cast<u64>(start);
    instruction.high = instruction.low + size;
    if (start == nullptr || address + bytes > instruction.high) {
      char text[160];
      std::snprintf(text, sizeof text, "global address 0x%llx (%llu bytes) is outside of all memory; the next below starts at 0x%llx and has %zu bytes",
                    static_cast<unsigned long long>(address), static_cast<unsigned long long>(bytes),
                    static_cast<unsigned long long>(instruction.low), size);
      throw Fault(text);
    }
  }
  return reinterpret_cast<u8*>(address);
}

// A number of memory's type into a register that may be wider.
void put(Warp& warp, const Operand& target, u32 lane, const u8* from, Type type) {
  u64 bits = 0;
  std::memcpy(&bits, from, type.bytes);
  if (type.kind == 's' && type.bytes < 8 && (bits >> (8 * type.bytes - 1) & 1) != 0) bits |= ~0ull << (8 * type.bytes);
  std::memcpy(warp.registers.get() + target.offset + lane * target.bytes, &bits, target.bytes);
}

void load_global(Warp& warp, Instruction& i, u32 lanes) {
  const u32 bytes = i.count * i.type.bytes;
  each(lanes, [&](u32 lane) {
    const u8* from = global(warp, i, address_of(warp, i.operands[i.count], lane), bytes, bytes);
    for (u32 part = 0; part < i.count; part++) put(warp, i.operands[part], lane, from + part * i.type.bytes, i.type);
  });
}

void load_shared(Warp& warp, Instruction& i, u32 lanes) {
  const u32 bytes = i.count * i.type.bytes;
  each(lanes, [&](u32 lane) {
    const u8* from = warp.block->shared.read(warp.index, lane, address_of(warp, i.operands[i.count], lane), bytes);
    for (u32 part = 0; part < i.count; part++) put(warp, i.operands[part], lane, from + part * i.type.bytes, i.type);
  });
}

void load_parameter(Warp& warp, Instruction& i, u32 lanes) {
  const Launch& launch = *warp.block->launch;
  const u32 bytes = i.count * i.type.bytes;
  each(lanes, [&](u32 lane) {
    const u64 address = address_of(warp, i.operands[i.count], lane);
    if (address % bytes != 0 || address + bytes > launch.kernel->parameter_bytes) throw Fault("a parameter's address");
    const u8* from = launch.parameters + address;
    for (u32 part = 0; part < i.count; part++) put(warp, i.operands[part], lane, from + part * i.type.bytes, i.type);
  });
}

void gather(Warp& warp, const Instruction& i, u32 lane, u8* into) {
  for (u32 part = 0; part < i.count; part++) {
    const Operand& from = i.operands[1 + part];
    std::memcpy(into + part * i.type.bytes, warp.registers.get() + from.offset + lane * from.bytes, i.type.bytes);
  }
}

void store_global(Warp& warp, Instruction& i, u32 lanes) {
  const u32 bytes = i.count * i.type.bytes;
  each(lanes, [&](u32 lane) { gather(warp, i, lane, global(warp, i, address_of(warp, i.operands[0], lane), bytes, bytes)); });
}

void store_shared(Warp& warp, Instruction& i, u32 lanes) {
  const u32 bytes = i.count * i.type.bytes;
  each(lanes, [&](u32 lane) {
    u8 data[16];
    gather(warp, i, lane, data);
    warp.block->shared.write(warp.index, lane, address_of(warp, i.operands[0], lane), data, bytes);
  });
}

// atom.space.op.type d, [a], b. Those in shared memory do not race with each other, and with others they are not looked at.
template <class T, auto F>
void atomic(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) {
    const u64 address = address_of(warp, i.operands[1], lane);
    u8* at = i.count == 1 ? warp.block->shared.exchange(address, sizeof(T)) : global(warp, i, address, sizeof(T), sizeof(T));
    T before, after;
    std::memcpy(&before, at, sizeof(T));
    after = F(before, warp.at<T>(i.operands[2])[lane]);
    std::memcpy(at, &after, sizeof(T));
    warp.at<T>(i.operands[0])[lane] = before;
  });
}

constexpr auto kAdd = [](auto a, auto b) { return static_cast<decltype(a)>(a + b); };
constexpr auto kOr = [](auto a, auto b) { return static_cast<decltype(a)>(a | b); };
constexpr auto kMax = [](auto a, auto b) { return std::max(a, b); };
constexpr auto kMin = [](auto a, auto b) { return std::min(a, b); };
constexpr auto kExchange = [](auto, auto b) { return b; };

Handler atomic_of(const std::string& what) {
  static const std::unordered_map<std::string, Handler> all = {
      {"add.u32", atomic<u32, kAdd>},  {"add.s32", atomic<s32, kAdd>}, {"add.u64", atomic<u64, kAdd>},
      {"add.f32", atomic<float, kAdd>}, {"add.f64", atomic<double, kAdd>}, {"or.b32", atomic<u32, kOr>},
      {"max.u32", atomic<u32, kMax>},  {"max.s32", atomic<s32, kMax>}, {"min.u32", atomic<u32, kMin>},
      {"min.s32", atomic<s32, kMin>},  {"max.u64", atomic<u64, kMax>}, {"exch.b32", atomic<u32, kExchange>}};
  const auto found = all.find(what);
  return found == all.end() ? nullptr : found->second;
}

// cp.async.cg.shared.global [target], [source], 16, bytes of the source
void copy(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) {
    Copy made{};
    made.target = static_cast<u32>(address_of(warp, i.operands[0], lane));
    made.source = address_of(warp, i.operands[1], lane);
    made.bytes = i.count;
    made.from_source = i.operands.size() > 2 ? warp.at<u32>(i.operands[2])[lane] : i.count;
    if (made.from_source > i.count) throw Fault("more bytes of the source than are copied");
    if (made.source % i.count != 0) throw Fault("a global address that is no multiple of " + std::to_string(i.count));
    if (made.from_source > 0) global(warp, i, made.source, made.from_source, i.count);
    made.early = warp.block->random() % 2 == 0;
    if (made.early) std::memcpy(made.data, reinterpret_cast<const u8*>(made.source), made.from_source);
    warp.block->shared.expect(warp.index, lane, made.target, made.bytes);
    warp.open[lane].push_back(made);
  });
}

void commit(Warp& warp, Instruction&, u32 lanes) {
  each(lanes, [&](u32 lane) {
    warp.groups[lane].push_back(std::move(warp.open[lane]));
    warp.open[lane].clear();
  });
}

// All but the last `count` groups arrive.
void wait(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) {
    auto& groups = warp.groups[lane];
    while (groups.size() > i.count) {
      for (Copy& one : groups.front()) {
        if (!one.early && one.from_source > 0) std::memcpy(one.data, reinterpret_cast<const u8*>(one.source), one.from_source);
        warp.block->shared.arrive(warp.index, lane, one.target, one.data, one.bytes);
      }
      groups.erase(groups.begin());
    }
  });
}

void wait_all(Warp& warp, Instruction& i, u32 lanes) {
  commit(warp, i, lanes);
  i.count = 0;
  wait(warp, i, lanes);
}

void fence(Warp&, Instruction&, u32) {}

// Every access is done where it stands: what volatile says is so anyway.
Parts without(Parts parts, s64 at) {
  parts.erase(parts.begin() + at);
  return parts;
}

u32 number(const Written& written) { return static_cast<u32>(std::stoul(written.words.at(0))); }

bool decode_copy(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  if (opcode == "cp.async.commit_group") into.run = commit;
  else if (opcode == "cp.async.wait_all") into.run = wait_all;
  else if (opcode == "cp.async.wait_group") into.run = wait, into.count = number(written.at(0));
  else if (opcode == "cp.async.cg.shared.global" || opcode == "cp.async.ca.shared.global") {
    into.run = copy;
    into.count = number(written.at(2));
    const bool good = into.count == 16 || (opcode[9] == 'c' && opcode[10] == 'a' && (into.count == 4 || into.count == 8));
    if (!good || written.size() > 4) return false;
    into.operands = {operands.address(written[0], "shared"), operands.address(written[1], "global")};
    if (written.size() == 4) into.operands.push_back(operands.operand(written[3].words.at(0), {'u', 4}));
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool decode_access(const Parts& parts, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  std::string opcode = parts[0];
  for (size_t i = 1; i < parts.size(); i++) opcode += "." + parts[i];
  if (opcode == "membar.gl" || opcode == "membar.cta") return into.run = fence, written.empty();
  if (parts[0] == "cp") return decode_copy(opcode, written, operands, into);
  if (parts[0] == "atom") {
    if (parts.size() != 4 || (parts[1] != "global" && parts[1] != "shared") || written.size() != 3) return false;
    into.count = parts[1] == "shared" ? 1 : 0;
    into.run = atomic_of(parts[2] + "." + parts[3]);
    into.type = type_of(parts[3]);
    into.operands = {operands.operand(written[0].words.at(0), into.type), operands.address(written[1], parts[1]),
                     operands.operand(written[2].words.at(0), into.type)};
    return into.run != nullptr;
  }
  const bool load = parts[0] == "ld";
  if ((!load && parts[0] != "st") || written.size() != 2 || parts.size() < 3) return false;
  // What caches do changes no result.
  size_t at = 2;
  if (parts[1] == "volatile") return decode_access(without(parts, 1), written, operands, into);
  const std::string& space = parts[1];
  if (space == "global" && (parts[at] == "cg" || parts[at] == "cs" || parts[at] == "nc")) at++;
  into.count = 1;
  if (at < parts.size() && (parts[at] == "v2" || parts[at] == "v4")) into.count = static_cast<u32>(parts[at++][1] - '0');
  if (at + 1 != parts.size()) return false;
  into.type = type_of(parts[at]);
  const Written& values = written[load ? 0 : 1];
  if (values.words.size() != into.count || values.vector != (into.count > 1) || into.count * into.type.bytes > 16) return false;
  if (!load) into.operands.push_back(operands.address(written[0], space));
  for (const std::string& word : values.words) into.operands.push_back(operands.operand(word, into.type, true));
  if (load) into.operands.push_back(operands.address(written[1], space));
  if (space == "global") into.run = load ? load_global : store_global;
  else if (space == "shared") into.run = load ? load_shared : store_shared;
  else if (space == "param" && load) into.run = load_parameter;
  return into.run != nullptr;
}

}  // namespace ptx
