#include "launch.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>

#include "../../emulated/emulated_memory.h"
#include "../../emulated/traffic.h"
#include "machine.h"
#include "symbols.h"

namespace ptx {
namespace {

// The kernels of a folder, by name and by file: cuda-kernels-linear.cu.ptx is that of linear.cu.
class Library {
 public:
  explicit Library(const std::string& folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".ptx") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      std::ifstream file(path);
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      for (Kernel& kernel : parse(text, path.filename().string())) {
        const std::string name = common_name(kernel.name);
        kernels_[name].push_back(std::make_unique<Kernel>(std::move(kernel)));
      }
    }
  }

  Kernel& find(const Symbol& symbol) {
    const auto found = kernels_.find(common_name(symbol.name));
    if (found != kernels_.end()) {
      for (auto& kernel : found->second) {
        if (symbol.file.empty() || kernel->file.ends_with("-" + symbol.file + ".ptx")) return *kernel;
      }
    }
    throw Fault("no PTX of kernel " + symbol.name + (symbol.file.empty() ? "" : " of " + symbol.file));
  }

  // One line for each kernel: name, file, instructions that have run, instructions, executed in all.
  void report(const char* path) const {
    std::FILE* file = std::fopen(path, "a");
    if (file == nullptr) return;
    for (const auto& [name, list] : kernels_) {
      for (const auto& kernel : list) {
        size_t reached = 0;
        u64 all = 0;
        for (const Instruction& i : kernel->code) reached += i.executed != 0, all += i.executed;
        std::fprintf(file, "%s %s %zu %zu %llu\n", kernel->name.c_str(), kernel->file.c_str(), reached, kernel->code.size(),
                     static_cast<unsigned long long>(all));
      }
    }
    std::fclose(file);
  }

 private:
  std::map<std::string, std::vector<std::unique_ptr<Kernel>>> kernels_;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Library& library() {
  static Library* all = [] {
    const std::string folder = environment("SALIENT_PTX");
    if (folder.empty()) throw Fault("SALIENT_PTX must name a folder of .ptx files");
    auto* made = new Library(folder);
    std::atexit([] {
      const std::string path = environment("SALIENT_PTX_REPORT");
      if (!path.empty()) library().report(path.c_str());
    });
    return made;
  }();
  return *all;
}

std::vector<u8> laid_out(const Kernel& kernel, const Argument* arguments, size_t count) {
  if (count != kernel.parameters.size()) throw Fault("another number of parameters than " + kernel.name + " has");
  std::vector<u8> bytes(kernel.parameter_bytes, 0xff);
  for (size_t i = 0; i < count; i++) {
    const Parameter& parameter = kernel.parameters[i];
    if (arguments[i].bytes != parameter.bytes) throw Fault("a parameter of another size than " + kernel.name + " has");
    std::memcpy(&bytes[parameter.offset], arguments[i].at, parameter.bytes);
  }
  return bytes;
}

}  // namespace

void launch(const char* name, const void* kernel, Dimensions grid, Dimensions block, size_t shared,
            const Argument* arguments, size_t count) {
  static std::mutex running;
  static u32 launches = 0;
  const std::lock_guard lock(running);
  emulated::note_launch(name);
  if (emulated::idle()) return;
  const emulated::Opened opened;
  try {
    Kernel& found = library().find(symbol_of(kernel));
    const std::vector<u8> parameters = laid_out(found, arguments, count);
    Launch one;
    one.kernel = &found;
    one.grid = {grid.x, grid.y, grid.z};
    one.block = {block.x, block.y, block.z};
    one.dynamic_shared = static_cast<u32>(shared);
    one.parameters = parameters.data();
    one.seed = static_cast<u32>(std::strtoul(environment("SALIENT_PTX_SEED").c_str(), nullptr, 10)) + ++launches;
    one.find_global = [](const void* at) {
      const emulated::Extent extent = emulated::extent_of(at);
      return std::pair(static_cast<const u8*>(extent.data), extent.bytes);
    };
    for (Instruction& i : found.code) i.low = 1, i.high = 0;  // memory may have been given back since
    run(one);
  } catch (const Fault& fault) {
    std::fprintf(stderr, "PTX of kernel %s, grid [%u, %u, %u], block [%u, %u, %u], %zu bytes shared: %s\n", name, grid.x,
                 grid.y, grid.z, block.x, block.y, block.z, shared, fault.what());
    std::abort();
  }
}

}  // namespace ptx
