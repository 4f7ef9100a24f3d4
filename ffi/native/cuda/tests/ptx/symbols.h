#pragma once

#include <string>

namespace ptx {

// A function of this program: its mangled name, and the source file where the name is not known outside of it.
struct Symbol {
  std::string name, file;
};

// Looks in the symbol table of the program or library that holds `address` (it must not be stripped). Throws Fault.
Symbol symbol_of(const void* address);

// Both compilers' names, without what each calls an unnamed namespace: "_GLOBAL__N_1" and "_GLOBAL__N__4ffc2ec5_9_...".
std::string common_name(const std::string& mangled);

}  // namespace ptx
