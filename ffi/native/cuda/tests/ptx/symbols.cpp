#include "symbols.h"

#include <cctype>
#include <fstream>
#include <iterator>
#include <map>

#include <dlfcn.h>
#include <elf.h>

#include "program.h"

namespace ptx {
namespace {

using Symbols = std::map<u64, Symbol>;

Symbols read_symbols(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const auto at = [&]<class T>(u64 offset, T) {
    if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) throw Fault(path + ": no ELF file that is whole");
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  };
  const auto header = at(0, Elf64_Ehdr{});
  Symbols symbols;
  for (u32 i = 0; i < header.e_shnum; i++) {
    const auto section = at(header.e_shoff + i * sizeof(Elf64_Shdr), Elf64_Shdr{});
    if (section.sh_type != SHT_SYMTAB) continue;
    const auto names = at(header.e_shoff + section.sh_link * sizeof(Elf64_Shdr), Elf64_Shdr{});
    std::string source;
    for (u64 offset = 0; offset < section.sh_size; offset += sizeof(Elf64_Sym)) {
      const auto symbol = at(section.sh_offset + offset, Elf64_Sym{});
      const std::string name = bytes.c_str() + names.sh_offset + symbol.st_name;
      // A source file's name comes before the symbols that only it knows.
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FILE) source = name;
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0) continue;
      symbols[symbol.st_value] = {name, ELF64_ST_BIND(symbol.st_info) == STB_LOCAL ? source : ""};
    }
  }
  return symbols;
}

}  // namespace

Symbol symbol_of(const void* address) {
  static std::map<std::string, Symbols> files;
  Dl_info info{};
  if (dladdr(address, &info) == 0) throw Fault("a kernel that no file holds");
  const auto [found, is_new] = files.try_emplace(info.dli_fname);
  if (is_new) found->second = read_symbols(info.dli_fname);
  const u64 own = reinterpret_cast<u64>(address);
  const auto symbol = found->second.find(own - reinterpret_cast<u64>(info.dli_fbase));
  const auto absolute = found->second.find(own);  // of a program that is not position independent
  if (symbol == found->second.end() && absolute == found->second.end()) {
    throw Fault(std::string(info.dli_fname) + ": a kernel that its symbol table does not name");
  }
  return symbol != found->second.end() ? symbol->second : absolute->second;
}

std::string common_name(const std::string& mangled) {
  std::string result;
  for (size_t i = 0; i < mangled.size();) {
    size_t digits = i;
    while (digits < mangled.size() && std::isdigit(static_cast<unsigned char>(mangled[digits]))) digits++;
    if (digits > i && mangled.compare(digits, 11, "_GLOBAL__N_") == 0) {
      result += "12_GLOBAL__N_1";
      i = digits + std::stoul(mangled.substr(i, digits - i));
    } else {
      const size_t end = digits > i ? digits : i + 1;
      result += mangled.substr(i, end - i);
      i = end;
    }
  }
  return result;
}

}  // namespace ptx
