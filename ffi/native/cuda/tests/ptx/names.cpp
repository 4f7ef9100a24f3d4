#include "names.h"

#include <cctype>

namespace ptx {

Operand Names::fresh(Type type) {
  const u32 offset = static_cast<u32>(kernel_.image.size());
  // Not a number, until it is written.
  kernel_.image.resize(offset + 32 * (type.bytes == 1 ? 4 : type.bytes), type.kind == 'p' ? 0 : 0xff);
  return {offset, type.bytes, 0};
}

Operand Names::constant(u64 bits, Type type) {
  const auto [found, is_new] = constants_.try_emplace({bits, type.bytes});
  if (is_new) {
    found->second = fresh(type);
    for (u32 lane = 0; lane < 32; lane++) {
      std::memcpy(&kernel_.image[found->second.offset + lane * type.bytes], &bits, type.bytes);
    }
  }
  return found->second;
}

const Operand* Names::find(const std::string& name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->find(name);
    if (found != scope->end()) return &found->second;
  }
  return nullptr;
}

Operand Names::operand(const std::string& word, Type type, bool wider) {
  if (const Operand* found = find(word)) {
    if (found->bytes == type.bytes || (wider && found->bytes > type.bytes)) return *found;
    tokens_.fail("a register of another width: " + word);
  }
  for (size_t i = 0; i < special_registers.size(); i++) {
    if (word != special_registers[i]) continue;
    const auto [at, is_new] = symbols_.try_emplace(word, Symbol{"special", 0});
    if (is_new) {
      at->second.offset = fresh({'u', 4}).offset;
      kernel_.special.push_back({at->second.offset, static_cast<int>(i)});
    }
    return {at->second.offset, 4, 0};
  }
  const auto symbol = symbols_.find(word);
  if (symbol != symbols_.end() && symbol->second.space != "special") return constant(symbol->second.offset, type);
  if (word.rfind("0f", 0) == 0 && type.kind == 'f') return constant(std::stoull(word.substr(2), nullptr, 16), type);
  if (word.rfind("0d", 0) == 0 && type.kind == 'f') return constant(std::stoull(word.substr(2), nullptr, 16), type);
  if (type.kind == 'f' || !(std::isdigit(static_cast<unsigned char>(word[0])) || word[0] == '-')) tokens_.fail("not known: " + word);
  const s64 value = tokens_.integer(word);
  return constant(type.kind == 'p' ? value != 0 : static_cast<u64>(value), type);
}

Operand Names::address(const Written& written, const std::string& space) {
  if (!written.address || written.words.size() != 1) tokens_.fail("no address");
  const std::string& word = written.words[0];
  if (const Operand* found = find(word)) {
    if (found->bytes < 4) tokens_.fail("no address: " + word);
    return {found->offset, found->bytes, written.displacement};
  }
  const auto symbol = symbols_.find(word);
  if (symbol == symbols_.end() || symbol->second.space != space) tokens_.fail("no address in " + space + ": " + word);
  Operand base = constant(symbol->second.offset, {'u', 8});
  base.displacement = written.displacement;
  return base;
}

}  // namespace ptx
