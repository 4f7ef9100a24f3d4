// Products of warpgroups. A warp computes its 16 rows of the 64 by itself: what it shares with the others is only read.
// PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions": fragments, matrix descriptor, layouts in shared memory.
#include "halves.h"
#include "hopper.h"
#include "machine.h"

namespace ptx {
namespace {

// Where byte `column` of `row` lies, for a matrix whose rows run along K.
u64 address_of(u64 descriptor, u32 row, u32 column) {
  const u64 start = (descriptor & 0x3fff) << 4, leading = (descriptor >> 16 & 0x3fff) << 4, stride = (descriptor >> 32 & 0x3fff) << 4;
  if ((descriptor >> 49 & 7) != 0) throw Fault("a matrix descriptor with a base offset");
  const u64 kind = descriptor >> 62;
  if (kind == 0) return start + row / 8 * stride + column / 16 * leading + row % 8 * 16 + column % 16;
  // A row has 128, 64 or 32 bytes, and bits from 4 on of an address are exchanged by those from 7 on.
  const u64 width = kind == 1 ? 128 : kind == 2 ? 64 : 32;
  const u64 linear = start + row / 8 * stride + row % 8 * width + column;
  return linear ^ (linear >> 7 & (width / 16 - 1)) << 4;
}

// 32 bytes of a row.
void read_row(Warp& warp, u64 descriptor, u32 row, u8* into) {
  for (u32 part = 0; part < 32; part += 16) {
    std::memcpy(into + part, warp.block->shared.read_async(warp.index, address_of(descriptor, row, part), 16), 16);
  }
}

float cut(double x) {
  const float near = static_cast<float>(x);
  return std::fabs(static_cast<double>(near)) > std::fabs(x) ? std::nextafter(near, 0.0f) : near;
}

struct F16Sum {
  using Sum = float;
  static constexpr u32 bytes = 2;
  static double value(const u8* at) { return F16::value(static_cast<u32>(at[0] | at[1] << 8)); }
  static float add(float sum, double part) { return cut(sum + part); }
};
struct Bf16Sum {
  using Sum = float;
  static constexpr u32 bytes = 2;
  static double value(const u8* at) { return Bf16::value(static_cast<u32>(at[0] | at[1] << 8)); }
  static float add(float sum, double part) { return cut(sum + part); }
};
struct S8Sum {
  using Sum = s32;
  static constexpr u32 bytes = 1;
  static double value(const u8* at) { return static_cast<int8_t>(*at); }
  static s32 add(s32 sum, double part) { return static_cast<s32>(static_cast<u32>(sum) + static_cast<u32>(static_cast<s32>(part))); }
};

// Instruction::count is N; its operands are N / 2 sums, then A (one descriptor or four registers), B, add.
template <class Kind, bool registers>
void finish(Warp& warp, const Product& product) {
  Instruction& i = *product.instruction;
  constexpr u32 K = 32 / Kind::bytes;
  const u32 N = i.count, sums = N / 2;
  u8 bytes[32];
  std::vector<double> a(16 * K), b(N * K);
  if (registers) {
    for (u32 lane = 0; lane < 32; lane++) {
      for (u32 r = 0; r < 4; r++) {
        const u32 word = product.early ? product.a[r][lane] : warp.at<u32>(i.operands[sums + r])[lane];
        std::memcpy(bytes, &word, 4);
        const u32 row = lane / 4 + (r % 2 == 1 ? 8 : 0), first = lane % 4 * (4 / Kind::bytes) + (r >= 2 ? K / 2 : 0);
        for (u32 e = 0; e < 4 / Kind::bytes; e++) a[row * K + first + e] = Kind::value(bytes + e * Kind::bytes);
      }
    }
  } else {
    for (u32 row = 0; row < 16; row++) {
      read_row(warp, product.left, warp.index % 4 * 16 + row, bytes);
      for (u32 k = 0; k < K; k++) a[row * K + k] = Kind::value(bytes + k * Kind::bytes);
    }
  }
  for (u32 column = 0; column < N; column++) {
    read_row(warp, product.right, column, bytes);
    for (u32 k = 0; k < K; k++) b[column * K + k] = Kind::value(bytes + k * Kind::bytes);
  }
  using Sum = typename Kind::Sum;
  for (u32 e = 0; e < sums; e++) {
    Sum* const target = warp.at<Sum>(i.operands[e]);
    const Sum* const saved = reinterpret_cast<const Sum*>(product.sums.data()) + 32 * e;
    for (u32 lane = 0; lane < 32; lane++) {
      const u32 row = lane / 4 + (e / 2 % 2 == 1 ? 8 : 0), column = e / 4 * 8 + lane % 4 * 2 + e % 2;
      double sum = 0;
      for (u32 k = 0; k < K; k++) sum += a[row * K + k] * b[column * K + k];
      const Sum before = !product.add ? Sum(0) : product.sums.empty() ? target[lane] : saved[lane];
      target[lane] = Kind::add(before, sum);
    }
  }
}

bool same_sums(const Product& one, const Instruction& other) {
  if (one.instruction->count != other.count) return false;
  for (u32 e = 0; e < other.count / 2; e++) {
    if (one.instruction->operands[e].offset != other.operands[e].offset) return false;
  }
  return true;
}

std::vector<u8> sums_of(Warp& warp, const Instruction& i) {
  std::vector<u8> sums(i.count / 2 * 128);
  for (u32 e = 0; e < i.count / 2; e++) std::memcpy(&sums[128 * e], warp.at<u8>(i.operands[e]), 128);
  return sums;
}

// Whoever looks at sums before they are waited for sees no numbers.
void hide(Warp& warp, const Instruction& i) {
  for (u32 e = 0; e < i.count / 2; e++) std::memset(warp.at<u8>(i.operands[e]), 0xff, 128);
}

template <bool registers>
void begin(Warp& warp, Instruction& i, u32) {
  const u32 sums = i.count / 2;
  Product made{};
  made.instruction = &i;
  const size_t rest = sums + (registers ? 4 : 1);
  if (!registers) made.left = warp.at<u64>(i.operands[sums])[0];
  made.right = warp.at<u64>(i.operands[rest])[0];
  made.add = warp.at<bool>(i.operands[rest + 1])[0];
  made.early = warp.block->random() % 2 == 0;
  for (u32 r = 0; registers && r < 4; r++) std::memcpy(made.a[r], warp.at<u32>(i.operands[sums + r]), sizeof made.a[r]);
  bool chained = false;
  for (const auto& group : warp.products.groups) {
    for (const Product& one : group) chained |= same_sums(one, i);
  }
  for (const Product& one : warp.products.open) chained |= same_sums(one, i);
  if (!chained) made.sums = sums_of(warp, i);
  hide(warp, i);
  warp.products.open.push_back(std::move(made));
}

void fence(Warp&, Instruction&, u32) {}
void commit(Warp& warp, Instruction&, u32) {
  warp.products.groups.push_back(std::move(warp.products.open));
  warp.products.open.clear();
}

// Sums that a later product goes on with are its own, and stay out of sight.
void hide_again(Warp& warp, const Product& done) {
  const auto take_over = [&](Product& later) {
    if (!same_sums(later, *done.instruction)) return false;
    if (!later.sums.empty()) return true;  // has them already
    later.sums = sums_of(warp, *later.instruction);
    hide(warp, *later.instruction);
    return true;
  };
  for (auto& group : warp.products.groups) {
    for (Product& later : group) {
      if (take_over(later)) return;
    }
  }
  for (Product& later : warp.products.open) {
    if (take_over(later)) return;
  }
}

using Finish = void (*)(Warp&, const Product&);
Finish finish_of(const Instruction& i) {
  static const std::unordered_map<std::string, std::pair<Finish, Finish>> all = {
      {"f32.f16.f16", {finish<F16Sum, false>, finish<F16Sum, true>}},
      {"f32.bf16.bf16", {finish<Bf16Sum, false>, finish<Bf16Sum, true>}},
      {"s32.s8.s8", {finish<S8Sum, false>, finish<S8Sum, true>}}};
  const size_t dot = i.text.find('.', i.text.find(".m64n") + 1);
  const auto found = all.find(i.text.substr(dot + 1, i.text.find(' ', dot) - dot - 1));
  if (found == all.end()) return nullptr;
  return i.run == begin<true> ? found->second.second : found->second.first;
}

void wait(Warp& warp, Instruction& i, u32) {
  auto& groups = warp.products.groups;
  while (groups.size() > i.count) {
    const std::vector<Product> done = std::move(groups.front());
    groups.erase(groups.begin());
    for (const Product& one : done) finish_of(*one.instruction)(warp, one);
    for (const Product& one : done) hide_again(warp, one);
  }
}

}  // namespace

bool decode_wgmma(const std::string& opcode, const std::vector<Written>& written, Operands& operands, Instruction& into) {
  if (opcode.rfind("wgmma.", 0) != 0) return false;
  into.flow = Flow::Collective;
  if (opcode == "wgmma.fence.sync.aligned") into.run = fence;
  else if (opcode == "wgmma.commit_group.sync.aligned") into.run = commit;
  else if (opcode == "wgmma.wait_group.sync.aligned") into.run = wait, into.count = static_cast<u32>(std::stoul(written.at(0).words.at(0)));
  const std::string start = "wgmma.mma_async.sync.aligned.m64n";
  if (opcode.rfind(start, 0) != 0) return into.run != nullptr;
  into.count = static_cast<u32>(std::stoul(opcode.substr(start.size())));
  if (written.size() < 4 || written[0].words.size() != into.count / 2) return false;
  const bool integers = opcode.ends_with(".s8.s8"), registers = written[1].vector;
  // No sign is changed and nothing transposed: B's rows run along K.
  const std::vector<std::string> rest = integers ? std::vector<std::string>{} : registers ? std::vector<std::string>{"1", "1", "0"} : std::vector<std::string>{"1", "1", "0", "0"};
  if (written.size() != 4 + rest.size() || !opcode.ends_with(integers ? "k32.s32.s8.s8" : opcode.ends_with("bf16") ? "k16.f32.bf16.bf16" : "k16.f32.f16.f16")) return false;
  for (size_t i = 0; i < rest.size(); i++) {
    if (written[4 + i].words[0] != rest[i]) return false;
  }
  for (const std::string& word : written[0].words) into.operands.push_back(operands.operand(word, {integers ? 's' : 'f', 4}));
  if (written[1].words.size() != (registers ? 4 : 1)) return false;
  for (const std::string& word : written[1].words) into.operands.push_back(operands.operand(word, {'b', static_cast<u8>(registers ? 4 : 8)}));
  into.operands.push_back(operands.operand(written[2].words[0], {'b', 8}));
  into.operands.push_back(operands.operand(written[3].words[0], {'p', 1}));
  into.run = registers ? begin<true> : begin<false>;
  return finish_of(into) != nullptr;
}

}  // namespace ptx
