// What a kernel's names mean: registers in their scopes, special registers, parameters, variables in shared memory.
#pragma once

#include "tokens.h"

namespace ptx {

class Names final : public Operands {
 public:
  // Makes room for what it meets in `kernel`; faults are told with the place in `tokens`.
  Names(Kernel& kernel, const Tokens& tokens) : kernel_(kernel), tokens_(tokens) {}

  void open_scope() { scopes_.emplace_back(); }
  void close_scope() { scopes_.pop_back(); }
  void add_register(const std::string& name, Type type) { scopes_.back()[name] = fresh(type); }
  // A parameter or a variable of `space`, which starts at `offset` of it.
  void add_symbol(const std::string& name, const std::string& space, u32 offset) { symbols_[name] = {space, offset}; }

  Operand operand(const std::string& word, Type type, bool wider) override;
  Operand address(const Written& written, const std::string& space) override;

 private:
  struct Symbol {
    std::string space;
    u32 offset;
  };
  Operand fresh(Type type);
  Operand constant(u64 bits, Type type);
  const Operand* find(const std::string& name) const;

  Kernel& kernel_;
  const Tokens& tokens_;
  std::map<std::string, Symbol> symbols_;
  std::map<std::pair<u64, u8>, Operand> constants_;
  std::vector<std::unordered_map<std::string, Operand>> scopes_;
};

}  // namespace ptx
