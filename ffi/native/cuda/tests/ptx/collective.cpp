// What lanes of a warp do together: shuffles, votes, barriers, matrix loads and products.
//
// The places of a matrix's elements are those of the PTX ISA, chapter "Warp Level Matrix Multiply-Accumulate
// Instructions", written down here as it gives them (row and column of each element a_i of a lane), not as the
// kernels' emulation has them.
#include <cmath>

#include "halves.h"
#include "hopper.h"
#include "machine.h"

namespace ptx {
namespace {

constexpr u32 kNothing = 0xffffffff;  // what a lane gets from one that is not there: no number

// shfl.sync.mode.b32 d|p, a, b, c, mask
enum Shuffle { Up, Down, Butterfly, Index };
template <Shuffle mode>
void shuffle(Warp& warp, Instruction& i, u32 lanes) {
  const bool answers = i.count == 1;
  const auto* operands = &i.operands[answers ? 1 : 0];
  u32 values[32];
  std::memcpy(values, warp.at<u32>(operands[1]), sizeof values);
  each(lanes, [&](u32 lane) {
    const u32 b = warp.at<u32>(operands[2])[lane] & 31, c = warp.at<u32>(operands[3])[lane];
    const u32 clamp = c & 31, segment = c >> 8 & 31;
    const u32 most = (lane & segment) | (clamp & ~segment), least = lane & segment;
    int source = static_cast<int>(lane);
    bool inside = true;
    if (mode == Up) source -= static_cast<int>(b), inside = source >= static_cast<int>(most);
    else if (mode == Down) source += static_cast<int>(b), inside = source <= static_cast<int>(most);
    else if (mode == Butterfly) source ^= static_cast<int>(b), inside = source <= static_cast<int>(most);
    else source = static_cast<int>(least | (b & ~segment)), inside = source <= static_cast<int>(most);
    if (!inside) source = static_cast<int>(lane);
    warp.at<u32>(operands[0])[lane] = (lanes >> source & 1) != 0 ? values[source] : kNothing;
    if (answers) warp.at<bool>(i.operands[0])[lane] = inside;
  });
}

// vote.sync.ballot.b32 d, p, mask
void ballot(Warp& warp, Instruction& i, u32 lanes) {
  u32 votes = 0;
  each(lanes, [&](u32 lane) { votes |= static_cast<u32>(warp.at<bool>(i.operands[1])[lane]) << lane; });
  each(lanes, [&](u32 lane) { warp.at<u32>(i.operands[0])[lane] = votes; });
}
template <bool all>
void vote(Warp& warp, Instruction& i, u32 lanes) {
  u32 votes = 0;
  each(lanes, [&](u32 lane) { votes |= static_cast<u32>(warp.at<bool>(i.operands[1])[lane]) << lane; });
  each(lanes, [&](u32 lane) { warp.at<bool>(i.operands[0])[lane] = all ? votes == lanes : votes != 0; });
}

void meet(Warp& warp, Instruction&, u32) { warp.block->shared.warp_met(warp.index); }

// ldmatrix: rows of 16 bytes; lanes 8 j to 8 j + 7 give the addresses of matrix j. Lane l gets of each matrix the
// two 16-bit elements of row l / 4 at columns 2 (l % 4) and the next; of row and column changed with .trans.
template <bool transposed>
void load_matrices(Warp& warp, Instruction& i, u32) {
  const Operand& address = i.operands[i.count];
  for (u32 matrix = 0; matrix < i.count; matrix++) {
    u16 elements[8][8];
    for (u32 row = 0; row < 8; row++) {
      const u32 lane = 8 * matrix + row;
      const u64 base = address.bytes == 4 ? warp.at<u32>(address)[lane] : warp.at<u64>(address)[lane];
      std::memcpy(elements[row], warp.block->shared.read(warp.index, SharedMemory::kWarp, base + static_cast<u64>(address.displacement), 16), 16);
    }
    for (u32 lane = 0; lane < 32; lane++) {
      const u32 row = lane / 4, column = 2 * (lane % 4);
      const u32 low = transposed ? elements[column][row] : elements[row][column];
      const u32 high = transposed ? elements[column + 1][row] : elements[row][column + 1];
      warp.at<u32>(i.operands[matrix])[lane] = low | high << 16;
    }
  }
}

struct Cell {
  u32 row, column;
};
// m16n8k16 of 16-bit types; element e of a lane, where group = lane / 4 and in_group = lane % 4.
Cell a16(u32 group, u32 in_group, u32 e) {
  const bool upper = e < 2 || (e >= 4 && e < 6);
  return {upper ? group : group + 8, in_group * 2 + (e & 1) + (e >= 4 ? 8 : 0)};
}
Cell b16(u32 group, u32 in_group, u32 e) { return {in_group * 2 + (e & 1) + (e >= 2 ? 8 : 0), group}; }
// m16n8k32 of 8-bit types.
Cell a8(u32 group, u32 in_group, u32 e) {
  const bool upper = e < 4 || (e >= 8 && e < 12);
  return {upper ? group : group + 8, in_group * 4 + (e & 3) + (e >= 8 ? 16 : 0)};
}
Cell b8(u32 group, u32 in_group, u32 e) { return {in_group * 4 + (e & 3) + (e >= 4 ? 16 : 0), group}; }
Cell c32(u32 group, u32 in_group, u32 e) { return {e < 2 ? group : group + 8, in_group * 2 + (e & 1)}; }

// Hardware adds exact products, eight or sixteen at a time, to the accumulator and cuts what does not fit into fp32.
float cut(double x) {
  const float near = static_cast<float>(x);
  return std::fabs(static_cast<double>(near)) > std::fabs(x) ? std::nextafter(near, 0.0f) : near;
}

template <class Half>
void multiply_halves(Warp& warp, Instruction& i, u32) {
  double a[16][16], b[16][8];
  for (u32 lane = 0; lane < 32; lane++) {
    for (u32 e = 0; e < 8; e++) {
      const Cell cell = a16(lane / 4, lane % 4, e);
      a[cell.row][cell.column] = Half::value(warp.at<u32>(i.operands[4 + e / 2])[lane] >> 16 * (e % 2) & 0xffff);
    }
    for (u32 e = 0; e < 4; e++) {
      const Cell cell = b16(lane / 4, lane % 4, e);
      b[cell.row][cell.column] = Half::value(warp.at<u32>(i.operands[8 + e / 2])[lane] >> 16 * (e % 2) & 0xffff);
    }
  }
  double sums[16][8];
  float results[32][4];
  for (u32 row = 0; row < 16; row++) {
    for (u32 half = 0; half < 2; half++) {
      double* sum = sums[row];
      if (half == 0) std::fill(sum, sum + 8, 0.0);
      for (u32 k = 8 * half; k < 8 * half + 8; k++) {
        for (u32 column = 0; column < 8; column++) sum[column] += a[row][k] * b[k][column];
      }
    }
  }
  for (u32 lane = 0; lane < 32; lane++) {
    for (u32 e = 0; e < 4; e++) {
      const Cell cell = c32(lane / 4, lane % 4, e);
      results[lane][e] = cut(sums[cell.row][cell.column] + static_cast<double>(warp.at<float>(i.operands[10 + e])[lane]));
    }
  }
  for (u32 lane = 0; lane < 32; lane++) {
    for (u32 e = 0; e < 4; e++) warp.at<float>(i.operands[e])[lane] = results[lane][e];
  }
}

void multiply_bytes(Warp& warp, Instruction& i, u32) {
  s32 a[16][32], b[32][8];
  for (u32 lane = 0; lane < 32; lane++) {
    for (u32 e = 0; e < 16; e++) {
      const Cell cell = a8(lane / 4, lane % 4, e);
      a[cell.row][cell.column] = static_cast<int8_t>(warp.at<u32>(i.operands[4 + e / 4])[lane] >> 8 * (e % 4));
    }
    for (u32 e = 0; e < 8; e++) {
      const Cell cell = b8(lane / 4, lane % 4, e);
      b[cell.row][cell.column] = static_cast<int8_t>(warp.at<u32>(i.operands[8 + e / 4])[lane] >> 8 * (e % 4));
    }
  }
  u32 results[32][4];
  for (u32 lane = 0; lane < 32; lane++) {
    for (u32 e = 0; e < 4; e++) {
      const Cell cell = c32(lane / 4, lane % 4, e);
      u32 sum = warp.at<u32>(i.operands[10 + e])[lane];
      for (u32 k = 0; k < 32; k++) sum += static_cast<u32>(a[cell.row][k] * b[k][cell.column]);
      results[lane][e] = sum;
    }
  }
  for (u32 lane = 0; lane < 32; lane++) {
    for (u32 e = 0; e < 4; e++) warp.at<u32>(i.operands[e])[lane] = results[lane][e];
  }
}

struct Shape {
  Handler run;
  Type sum;
};

bool decode_product(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  static const std::unordered_map<std::string, Shape> all = {
      {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", {multiply_halves<F16>, {'f', 4}}},
      {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", {multiply_halves<Bf16>, {'f', 4}}},
      {"mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32", {multiply_bytes, {'s', 4}}}};
  const auto found = all.find(opcode);
  if (found == all.end() || written.size() != 4) return false;
  const size_t counts[] = {4, 4, 2, 4};
  for (size_t group = 0; group < 4; group++) {
    if (!written[group].vector || written[group].words.size() != counts[group]) return false;
    const Type type = group == 0 || group == 3 ? found->second.sum : Type{'b', 4};
    for (const std::string& word : written[group].words) into.operands.push_back(operands.operand(word, type));
  }
  into.run = found->second.run;
  into.flow = Flow::Collective;
  return true;
}

bool decode_matrices(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  const std::string start = "ldmatrix.sync.aligned.m8n8.x";
  if (opcode.rfind(start, 0) != 0 || written.size() != 2) return false;
  const std::string end = opcode.substr(start.size() + 1);
  into.count = static_cast<u32>(opcode[start.size()] - '0');
  if (end == ".shared.b16") into.run = load_matrices<false>;
  else if (end == ".trans.shared.b16") into.run = load_matrices<true>;
  if (into.run == nullptr || written[0].words.size() != into.count) return false;
  for (const std::string& word : written[0].words) into.operands.push_back(operands.operand(word, {'b', 4}));
  into.operands.push_back(operands.address(written[1], "shared"));
  into.flow = Flow::Collective;
  return true;
}

// Two registers of 32 bits and one of 64: mov.b64 %rd, {low, high} and back.
void join(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) {
    warp.at<u64>(i.operands[0])[lane] = static_cast<u64>(warp.at<u32>(i.operands[2])[lane]) << 32 | warp.at<u32>(i.operands[1])[lane];
  });
}
void split(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) {
    const u64 value = warp.at<u64>(i.operands[2])[lane];
    warp.at<u32>(i.operands[0])[lane] = static_cast<u32>(value);
    warp.at<u32>(i.operands[1])[lane] = static_cast<u32>(value >> 32);
  });
}

// Global addresses are the same in every space.
void same(Warp& warp, Instruction& i, u32 lanes) {
  each(lanes, [&](u32 lane) { warp.at<u64>(i.operands[0])[lane] = warp.at<u64>(i.operands[1])[lane]; });
}

bool decode_moves(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  if (written.size() != 2) return false;
  if (opcode == "cvta.to.global.u64") {
    into.run = same;
    for (const Written& each : written) into.operands.push_back(operands.operand(each.words.at(0), {'u', 8}));
    return true;
  }
  if (opcode != "mov.b64" || written[0].vector == written[1].vector) return false;
  into.run = written[0].vector ? split : join;
  for (const Written& side : written) {
    if (side.words.size() != (side.vector ? 2 : 1)) return false;
    for (const std::string& word : side.words) into.operands.push_back(operands.operand(word, {'b', static_cast<u8>(side.vector ? 4 : 8)}));
  }
  return true;
}

bool decode_shuffle(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  static const std::unordered_map<std::string, Handler> all = {
      {"up", shuffle<Up>}, {"down", shuffle<Down>}, {"bfly", shuffle<Butterfly>}, {"idx", shuffle<Index>}};
  const size_t dot = opcode.rfind('.');
  const auto found = all.find(opcode.substr(10, dot - 10));
  if (found == all.end() || opcode.substr(dot) != ".b32" || written.size() != 5) return false;
  into.run = found->second;
  into.count = static_cast<u32>(written[0].words.size() - 1);
  if (into.count == 1) into.operands.push_back(operands.operand(written[0].words[1], {'p', 1}));
  for (const Written& each : written) into.operands.push_back(operands.operand(each.words[0], {'b', 4}));
  into.mask = static_cast<int>(into.operands.size()) - 1;
  into.flow = Flow::Collective;
  return true;
}

}  // namespace

bool decode_collective(const Parts& parts, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  std::string opcode = parts[0];
  for (size_t i = 1; i < parts.size(); i++) opcode += "." + parts[i];
  if (opcode == "bar.sync") {
    into.flow = Flow::Barrier;
    return written.size() == 1 && written[0].words[0] == "0";
  }
  if (opcode == "bar.warp.sync" && written.size() == 1) {
    into.run = meet;
    into.operands = {operands.operand(written[0].words[0], {'b', 4})};
    into.mask = 0;
    into.flow = Flow::Collective;
    return true;
  }
  if (parts[0] == "vote" && parts.size() == 4 && written.size() == 3) {
    if (opcode == "vote.sync.ballot.b32") into.run = ballot;
    else if (opcode == "vote.sync.any.pred") into.run = vote<false>;
    else if (opcode == "vote.sync.all.pred") into.run = vote<true>;
    into.operands = {operands.operand(written[0].words[0], type_of(parts[3])), operands.operand(written[1].words[0], {'p', 1}),
                     operands.operand(written[2].words[0], {'b', 4})};
    into.mask = 2;
    into.flow = Flow::Collective;
    return into.run != nullptr;
  }
  if (opcode.rfind("shfl.sync.", 0) == 0) return decode_shuffle(opcode, written, operands, into);
  return decode_product(opcode, written, operands, into) || decode_matrices(opcode, written, operands, into) ||
         decode_moves(opcode, written, operands, into) || decode_hopper(opcode, written, operands, into) ||
         decode_wgmma(opcode, written, operands, into);
}

}  // namespace ptx
