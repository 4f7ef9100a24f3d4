// PTX in memory: what parse.cpp makes of nvcc's text, and machine.cpp executes.
//
// A register is an array of 32 numbers, one for each lane, at an offset in the warp's register file. Immediate
// operands and special registers (%tid.x) are registers too, which are filled before a warp starts: so an
// instruction is a function over arrays, decoded once.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace ptx {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;

// What the PTX or the kernel does wrong, or what this interpreter does not know.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A type of PTX: 'p' predicate, 'u' unsigned, 's' signed, 'f' floating point, 'b' bits.
struct Type {
  char kind;
  u8 bytes;
};
// Throws Fault where `text` is no type ("u32").
Type type_of(const std::string& text);

struct Operand {
  u32 offset = 0;         // in the register file
  u8 bytes = 0;           // of one lane
  s64 displacement = 0;   // of an address
};

struct Warp;
struct Instruction;
// Does what an instruction does, for `lanes`.
using Handler = void (*)(Warp&, Instruction&, u32 lanes);

enum class Flow : u8 {
  Next,
  Branch,
  Exit,
  Collective,  // waits for the lanes of its mask
  Barrier,     // waits for the block
};

struct Instruction {
  Handler run = nullptr;
  Flow flow = Flow::Next;
  std::vector<Operand> operands;
  bool guarded = false, negated = false;
  u32 guard = 0;      // offset of the predicate
  u32 target = 0;     // of a branch
  int mask = -1;      // operand that holds the lanes of a collective one; -1: all
  u32 count = 0;      // of a vector, or what the handler makes of it
  Type type{'b', 0};  // of memory
  u64 low = 1, high = 0;  // global memory that was found last
  u64 executed = 0;   // warps that came here with a lane to run
  int line = 0;
  std::string text;
};

struct Parameter {
  u32 offset, bytes;
};

struct Kernel {
  std::string name, file;
  std::vector<Parameter> parameters;
  u32 parameter_bytes = 0;
  u32 most_threads = 1024;
  u32 static_shared = 0;  // bytes, where dynamic shared memory starts
  std::vector<u8> image;  // the register file as a warp finds it
  std::vector<std::pair<u32, int>> special;  // offsets of special registers, see special_registers
  std::vector<Instruction> code;
};

// Special registers, by the number in Kernel::special.
inline const std::vector<std::string> special_registers = {
    "%tid.x",  "%tid.y",    "%tid.z",    "%ntid.x",   "%ntid.y",   "%ntid.z", "%ctaid.x",
    "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid"};

// An operand as it is written: one word, {a, b}, or [base + displacement].
struct Written {
  std::vector<std::string> words;
  bool vector = false, address = false;
  s64 displacement = 0;
};

// What decoding asks of the parser.
class Operands {
 public:
  virtual ~Operands() = default;
  // The register, or a register that holds the immediate. Its width is that of `type`, or larger where `wider`.
  virtual Operand operand(const std::string& word, Type type, bool wider = false) = 0;
  // The base register (4 or 8 bytes) or symbol of `space` with its displacement.
  virtual Operand address(const Written& written, const std::string& space) = 0;
};

// An instruction with a fixed list of operand types, target first.
struct Known {
  Handler run;
  std::vector<Type> types;
};
using Table = std::unordered_map<std::string, Known>;

void know_arithmetic(Table& table);
void know_conversions(Table& table);
// These decode by parts of the opcode ("ld", "global", "v4", "f32"); false: not theirs.
using Parts = std::vector<std::string>;
bool decode_access(const Parts& parts, const std::vector<Written>& written, Operands& operands, Instruction& into);
bool decode_collective(const Parts& parts, const std::vector<Written>& written, Operands& operands, Instruction& into);

// Reads PTX; `file` is for messages. Throws Fault.
std::vector<Kernel> parse(const std::string& text, const std::string& file);

}  // namespace ptx
