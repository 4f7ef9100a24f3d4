// Text of PTX into kernels. Strict: what is not known ends with its text.
#include <algorithm>
#include <cctype>

#include "program.h"

namespace ptx {

Type type_of(const std::string& text) {
  if (text == "pred") return {'p', 1};
  static const std::map<std::string, u8> sizes = {{"8", 1}, {"16", 2}, {"32", 4}, {"64", 8}};
  const auto size = text.size() < 2 ? sizes.end() : sizes.find(text.substr(1));
  if (size == sizes.end() || std::string("busf").find(text[0]) == std::string::npos) throw Fault("no type: " + text);
  return {text[0], size->second};
}

namespace {

struct Token {
  std::string text;
  int line;
};

bool inside_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '.'; }

std::vector<Token> tokens_of(const std::string& text) {
  std::vector<Token> tokens;
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    size_t end = i + 1;
    if (c == '\n') line++;
    if (std::isspace(static_cast<unsigned char>(c))) {
      i++;
      continue;
    }
    if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '"') end = text.find('"', i + 1) + 1;
    else if (c == '%' || inside_word(c)) {
      while (end < text.size() && (inside_word(text[end]) || (text.compare(end, 2, "::") == 0))) {
        end += text[end] == ':' ? 2 : 1;
      }
    }
    tokens.push_back({text.substr(i, end - i), line});
    i = end;
  }
  return tokens;
}

struct Symbol {
  std::string space;
  u32 offset;
};

struct Jump {
  size_t at;
  std::string label;
  std::vector<u32> scopes;
};

u32 aligned(u32 offset, u32 to) { return (offset + to - 1) / to * to; }

class Parser final : Operands {
 public:
  Parser(const std::string& text, const std::string& file) : tokens_(tokens_of(text)), file_(file) {
    know_arithmetic(table_);
    know_conversions(table_);
  }

  std::vector<Kernel> run() {
    std::vector<Kernel> kernels;
    while (at_ < tokens_.size()) {
      const std::string word = take();
      if (word == ".version" || word == ".target" || word == ".address_size") take();
      else if (word == ".visible" || word == ".weak") continue;
      else if (word == ".extern" && peek() == ".shared") declare_shared(module_, true);
      else if (word == ".shared") at_--, declare_shared(module_, false);
      else if (word == ".entry") kernels.push_back(kernel());
      else fail("not known: " + word);
    }
    return kernels;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const int line = at_ < tokens_.size() ? tokens_[at_ == 0 ? 0 : at_ - 1].line : 0;
    throw Fault(file_ + ":" + std::to_string(line) + ": " + what);
  }
  const std::string& peek() const {
    if (at_ >= tokens_.size()) fail("ends too early");
    return tokens_[at_].text;
  }
  std::string take() {
    std::string text = peek();
    at_++;
    return text;
  }
  bool skip(const std::string& text) { return peek() == text && ++at_ > 0; }
  void expect(const std::string& text) {
    if (!skip(text)) fail("not known: " + peek() + " instead of " + text);
  }
  s64 integer(const std::string& text) const {
    size_t used = 0;
    s64 value = 0;
    try {
      value = static_cast<s64>(text[0] == '-' ? std::stoll(text, &used, 0) : static_cast<s64>(std::stoull(text, &used, 0)));
    } catch (const std::logic_error&) {
    }
    if (used == 0 || (used != text.size() && text.substr(used) != "U")) fail("no integer: " + text);
    return value;
  }
  std::string signed_word() { return skip("-") ? "-" + take() : take(); }

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
      symbols_[name] = {"shared", kernel_->static_shared};
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
      symbols_[name] = {"param", offset};
      kernel_->parameters.push_back({offset, count * type.bytes});
      kernel_->parameter_bytes = offset + count * type.bytes;
      skip(",");
    }
  }

  Kernel kernel() {
    Kernel kernel;
    kernel_ = &kernel;
    symbols_.clear(), constants_.clear(), labels_.clear(), branches_.clear();
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
    scopes_.clear(), labels_of_.clear();
    open_scope();
    while (!scopes_.empty()) statement();
    for (const Jump& jump : branches_) kernel.code[jump.at].target = target_of(jump);
    return kernel;
  }

  // Variables of the body are placed before its instructions are decoded.
  void shared_of_body() {
    const size_t start = at_;
    std::map<std::string, Variable> own;
    for (int depth = 0; at_ < tokens_.size();) {
      if (peek() == ".shared") {
        declare_shared(own, false);
        continue;
      }
      const std::string word = take();
      depth += word == "{" ? 1 : word == "}" ? -1 : 0;
      if (depth == 0) break;
    }
    at_ = start;
    place_shared(own, false);
  }

  void open_scope() {
    scopes_.push_back({});
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
    if (skip("}")) return scopes_.pop_back(), labels_of_.pop_back();
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
    if (at_ + 1 < tokens_.size() && tokens_[at_ + 1].text == ":") {
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
        for (s64 i = 0; i < count; i++) scopes_.back()[name + std::to_string(i)] = fresh(type);
      } else {
        scopes_.back()[name] = fresh(type);
      }
    } while (skip(","));
    expect(";");
  }

  Operand fresh(Type type) {
    const u32 offset = static_cast<u32>(kernel_->image.size());
    // Not a number, until it is written.
    kernel_->image.resize(offset + 32 * (type.bytes == 1 ? 4 : type.bytes), type.kind == 'p' ? 0 : 0xff);
    return {offset, type.bytes, 0};
  }

  Operand constant(u64 bits, Type type) {
    const auto [found, is_new] = constants_.try_emplace({bits, type.bytes});
    if (is_new) {
      found->second = fresh(type);
      for (u32 lane = 0; lane < 32; lane++) {
        std::memcpy(&kernel_->image[found->second.offset + lane * type.bytes], &bits, type.bytes);
      }
    }
    return found->second;
  }

  const Operand* find(const std::string& name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      const auto found = scope->find(name);
      if (found != scope->end()) return &found->second;
    }
    return nullptr;
  }

  Operand operand(const std::string& word, Type type, bool wider) override {
    if (const Operand* found = find(word)) {
      if (found->bytes == type.bytes || (wider && found->bytes > type.bytes)) return *found;
      fail("a register of another width: " + word);
    }
    for (size_t i = 0; i < special_registers.size(); i++) {
      if (word != special_registers[i]) continue;
      const auto [at, is_new] = symbols_.try_emplace(word, Symbol{"special", 0});
      if (is_new) {
        at->second.offset = fresh({'u', 4}).offset;
        kernel_->special.push_back({at->second.offset, static_cast<int>(i)});
      }
      return {at->second.offset, 4, 0};
    }
    const auto symbol = symbols_.find(word);
    if (symbol != symbols_.end() && symbol->second.space != "special") return constant(symbol->second.offset, type);
    if (word.rfind("0f", 0) == 0 && type.kind == 'f') return constant(std::stoull(word.substr(2), nullptr, 16), type);
    if (word.rfind("0d", 0) == 0 && type.kind == 'f') return constant(std::stoull(word.substr(2), nullptr, 16), type);
    if (type.kind == 'f' || !(std::isdigit(static_cast<unsigned char>(word[0])) || word[0] == '-')) fail("not known: " + word);
    const s64 value = integer(word);
    return constant(type.kind == 'p' ? value != 0 : static_cast<u64>(value), type);
  }

  Operand address(const Written& written, const std::string& space) override {
    if (!written.address || written.words.size() != 1) fail("no address");
    const std::string& word = written.words[0];
    if (const Operand* found = find(word)) {
      if (found->bytes < 4) fail("no address: " + word);
      return {found->offset, found->bytes, written.displacement};
    }
    const auto symbol = symbols_.find(word);
    if (symbol == symbols_.end() || symbol->second.space != space) fail("no address in " + space + ": " + word);
    Operand base = constant(symbol->second.offset, {'u', 8});
    base.displacement = written.displacement;
    return base;
  }

  Written written() {
    Written operand;
    if (skip("{")) {
      operand.vector = true;
      do operand.words.push_back(signed_word());
      while (skip(","));
      expect("}");
    } else if (skip("[")) {
      operand.address = true;
      operand.words.push_back(take());
      if (skip("+")) operand.displacement = integer(signed_word());
      if (skip(",")) {  // a tensor map's coordinates
        expect("{");
        do operand.words.push_back(take());
        while (skip(","));
        expect("}");
      }
      expect("]");
    } else {
      operand.words.push_back(signed_word());
      if (skip("|")) operand.words.push_back(take());
    }
    return operand;
  }

  void instruction() {
    Instruction made;
    made.line = tokens_[at_].line;
    const size_t first = at_;
    if (skip("@")) {
      made.guarded = true;
      made.negated = skip("!");
      made.guard = operand(take(), {'p', 1}, false).offset;
    }
    const std::string opcode = take();
    std::vector<Written> list;
    if (!skip(";")) {
      do list.push_back(written());
      while (skip(","));
      expect(";");
    }
    for (size_t i = first; i + 1 < at_; i++) made.text += (i == first ? "" : " ") + tokens_[i].text;
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
        made.operands.push_back(operand(list[i].words[0], known->second.types[i], widens));
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
    } else if (!decode_access(parts, list, *this, made) && !decode_collective(parts, list, *this, made)) {
      fail("not known: " + made.text);
    }
  }

  std::vector<Token> tokens_;
  std::string file_;
  size_t at_ = 0;
  Table table_;
  std::map<std::string, Variable> module_;
  Kernel* kernel_ = nullptr;
  std::map<std::string, Symbol> symbols_;
  std::map<std::pair<u64, u8>, Operand> constants_;
  std::vector<std::unordered_map<std::string, Operand>> scopes_;
  std::vector<u32> labels_of_;  // numbers of the open scopes
  u32 last_scope_ = 0;
  std::map<std::pair<u32, std::string>, u32> labels_;
  std::vector<Jump> branches_;
};

}  // namespace

std::vector<Kernel> parse(const std::string& text, const std::string& file) { return Parser(text, file).run(); }

}  // namespace ptx
