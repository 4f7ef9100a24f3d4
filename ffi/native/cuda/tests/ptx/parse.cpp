// Text of PTX into kernels. Strict: what is not known ends with its text.
#include <algorithm>

#include "names.h"

namespace ptx {

Type type_of(const std::string& text) {
  if (text == "pred") return {'p', 1};
  static const std::map<std::string, u8> sizes = {{"8", 1}, {"16", 2}, {"32", 4}, {"64", 8}};
  const auto size = text.size() < 2 ? sizes.end() : sizes.find(text.substr(1));
  if (size == sizes.end() || std::string("busf").find(text[0]) == std::string::npos) throw Fault("no type: " + text);
  return {text[0], size->second};
}

namespace {

struct Jump {
  size_t at;
  std::string label;
  std::vector<u32> scopes;
};

u32 aligned(u32 offset, u32 to) { return (offset + to - 1) / to * to; }

class Parser : Tokens {
 public:
  Parser(const std::string& text, const std::string& file) : Tokens(text, file), file_(file) {
    know_arithmetic(table_);
    know_conversions(table_);
  }

  std::vector<Kernel> run() {
    std::vector<Kernel> kernels;
    while (!done()) {
      const std::string word = take();
      if (word == ".version" || word == ".target" || word == ".address_size") take();
      else if (word == ".visible" || word == ".weak") continue;
      else if (word == ".extern" && peek() == ".shared") declare_shared(module_, true);
      else if (word == ".shared") go_to(place() - 1), declare_shared(module_, false);
      else if (word == ".entry") kernels.push_back(kernel());
      else fail("not known: " + word);
    }
    return kernels;
  }

 private:
  // .shared .align 16 .b8 name[33792]; or, external, name[] for dynamic shared memory.
  struct Variable {
    u32 align, bytes;
  };
  void declare_shared(std::map<std::string, Variable>& into, bool dynamic) {
    expect(".shared");
    u32 align = 0;
    if (skip(".align")) align = static_cast<u32>(integer(take()));
    const Type type = type_of(take().substr(1));
    const std::string name = take();
    u32 count = 1;
    if (skip("[")) {
      count = dynamic ? 0 : static_cast<u32>(integer(take()));
      expect("]");
    }
    expect(";");
    into[name] = {align == 0 ? type.bytes : align, count * type.bytes};
  }

  void place_shared(const std::map<std::string, Variable>& variables, bool dynamic) {
    for (const auto& [name, variable] : variables) {
      if ((variable.bytes == 0) != dynamic) continue;
      kernel_->static_shared = aligned(kernel_->static_shared, variable.align);
      names_->add_symbol(name, "shared", kernel_->static_shared);
      kernel_->static_shared += variable.bytes;
    }
  }

  void parameters() {
    expect("(");
    while (!skip(")")) {
      expect(".param");
      u32 align = 0;
      if (skip(".align")) align = static_cast<u32>(integer(take()));
      const Type type = type_of(take().substr(1));
      const std::string name = take();
      u32 count = 1;
      if (skip("[")) count = static_cast<u32>(integer(take())), expect("]");
      const u32 offset = aligned(kernel_->parameter_bytes, align == 0 ? type.bytes : align);
      names_->add_symbol(name, "param", offset);
      kernel_->parameters.push_back({offset, count * type.bytes});
      kernel_->parameter_bytes = offset + count * type.bytes;
      skip(",");
    }
  }

  Kernel kernel() {
    Kernel kernel;
    Names names(kernel, *this);
    kernel_ = &kernel, names_ = &names;
    labels_.clear(), branches_.clear();
    kernel.name = take();
    kernel.file = file_;
    parameters();
    while (peek()[0] == '.') {
      const std::string word = take();
      if (word == ".maxntid") {
        kernel.most_threads = 1;
        do kernel.most_threads *= static_cast<u32>(integer(take()));
        while (skip(","));
      } else if (word == ".minnctapersm") take();
      else fail("not known: " + word);
    }
    place_shared(module_, false);
    shared_of_body();
    place_shared(module_, true);
    expect("{");
    open_scope();
    while (!labels_of_.empty()) statement();
    for (const Jump& jump : branches_) kernel.code[jump.at].target = target_of(jump);
    return kernel;
  }

  // Variables of the body are placed before its instructions are decoded.
  void shared_of_body() {
    const size_t start = place();
    std::map<std::string, Variable> own;
    for (int depth = 0;;) {
      if (peek() == ".shared") {
        declare_shared(own, false);
        continue;
      }
      const std::string word = take();
      depth += word == "{" ? 1 : word == "}" ? -1 : 0;
      if (depth == 0) break;
    }
    go_to(start);
    place_shared(own, false);
  }

  void open_scope() {
    names_->open_scope();
    labels_of_.push_back(++last_scope_);
  }

  // A label of the innermost scope that has it.
  u32 target_of(const Jump& jump) const {
    for (auto scope = jump.scopes.rbegin(); scope != jump.scopes.rend(); ++scope) {
      const auto found = labels_.find({*scope, jump.label});
      if (found != labels_.end()) return found->second;
    }
    fail("no label: " + jump.label);
  }

  void statement() {
    if (skip("{")) return open_scope();
    if (skip("}")) return names_->close_scope(), labels_of_.pop_back();
    if (peek() == ".shared") {
      while (take() != ";") continue;
      return;
    }
    if (skip(".pragma")) {
      const std::string text = take();
      if (text != "\"nounroll\"" && text.rfind("\"used_bytes_mask", 0) != 0) fail("not known: .pragma " + text);
      return expect(";");
    }
    if (skip(".reg")) return registers();
    if (is_second(":")) {
      labels_[{labels_of_.back(), take()}] = static_cast<u32>(kernel_->code.size());
      return expect(":");
    }
    instruction();
  }

  void registers() {
    const Type type = type_of(take().substr(1));
    do {
      const std::string name = take();
      if (skip("<")) {
        const s64 count = integer(take());
        expect(">");
        for (s64 i = 0; i < count; i++) names_->add_register(name + std::to_string(i), type);
      } else {
        names_->add_register(name, type);
      }
    } while (skip(","));
    expect(";");
  }

  Written written() {
    Written operand;
    if (skip("{")) {
      operand.vector = true;
      do operand.words.push_back(take_signed());
      while (skip(","));
      expect("}");
    } else if (skip("[")) {
      operand.address = true;
      operand.words.push_back(take());
      if (skip("+")) operand.displacement = integer(take_signed());
      if (skip(",")) {  // a tensor map's coordinates
        expect("{");
        do operand.words.push_back(take());
        while (skip(","));
        expect("}");
      }
      expect("]");
    } else {
      operand.words.push_back(take_signed());
      if (skip("|")) operand.words.push_back(take());
    }
    return operand;
  }

  void instruction() {
    Instruction made;
    made.line = line();
    const size_t first = place();
    if (skip("@")) {
      made.guarded = true;
      made.negated = skip("!");
      made.guard = names_->operand(take(), {'p', 1}, false).offset;
    }
    const std::string opcode = take();
    std::vector<Written> list;
    if (!skip(";")) {
      do list.push_back(written());
      while (skip(","));
      expect(";");
    }
    made.text = text_from(first);
    decode(opcode, list, made);
    kernel_->code.push_back(std::move(made));
  }

  void decode(const std::string& opcode, const std::vector<Written>& list, Instruction& made) {
    const auto known = table_.find(opcode);
    const bool plain = std::all_of(list.begin(), list.end(), [](const Written& each) {
      return !each.vector && !each.address && each.words.size() == 1;
    });
    if (plain && known != table_.end() && list.size() == known->second.types.size()) {
      made.run = known->second.run;
      const bool widens = opcode.rfind("cvt.", 0) == 0;
      for (size_t i = 0; i < list.size(); i++) {
        made.operands.push_back(names_->operand(list[i].words[0], known->second.types[i], widens));
      }
      return;
    }
    Parts parts(1);
    for (size_t i = 0; i < opcode.size(); i++) {
      if (opcode[i] == '.') parts.emplace_back();
      else parts.back() += opcode[i];
    }
    if (parts[0] == "bra" && list.size() == 1 && (parts.size() == 1 || parts[1] == "uni")) {
      made.flow = Flow::Branch;
      branches_.push_back({kernel_->code.size(), list[0].words[0], labels_of_});
    } else if (opcode == "ret" || opcode == "exit") {
      made.flow = Flow::Exit;
    } else if (!decode_access(parts, list, *names_, made) && !decode_collective(parts, list, *names_, made)) {
      fail("not known: " + made.text);
    }
  }

  std::string file_;
  Table table_;
  std::map<std::string, Variable> module_;
  Kernel* kernel_ = nullptr;
  Names* names_ = nullptr;
  std::vector<u32> labels_of_;  // numbers of the open scopes
  u32 last_scope_ = 0;
  std::map<std::pair<u32, std::string>, u32> labels_;
  std::vector<Jump> branches_;
};

}  // namespace

std::vector<Kernel> parse(const std::string& text, const std::string& file) { return Parser(text, file).run(); }

}  // namespace ptx
