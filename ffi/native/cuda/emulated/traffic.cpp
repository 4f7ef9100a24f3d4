#include "traffic.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace emulated {
namespace {

constexpr const char* kNames[] = {"allocate", "free", "upload", "stage", "download", "move", "fill", "synchronize"};

struct Count {
  size_t times = 0, bytes = 0;
};

const char* wanted() {
  static const char* const path = std::getenv("SALIENT_EMULATED_TRAFFIC");
  return path;
}

class Traffic {
 public:
  ~Traffic() {
    if (wanted() == nullptr) return;
    std::FILE* file = std::fopen(wanted(), "w");
    if (file == nullptr) return;
    for (size_t i = 0; i < std::size(kNames); i++) {
      std::fprintf(file, "%s\"%s\": {\"times\": %zu, \"bytes\": %zu}", i == 0 ? "{" : ", ", kNames[i], asked[i].times,
                   asked[i].bytes);
    }
    std::fprintf(file, ", \"launches\": {");
    const char* separator = "";
    for (const auto& [name, times] : launches) {
      std::fprintf(file, "%s\"%s\": %zu", separator, name.c_str(), times);
      separator = ", ";
    }
    std::fprintf(file, "}}\n");
    std::fclose(file);
  }

  std::mutex mutex;
  Count asked[std::size(kNames)];
  std::map<std::string, size_t> launches;
};
Traffic traffic;

}  // namespace

bool idle() {
  static const bool asked = std::getenv("SALIENT_EMULATED_IDLE") != nullptr;
  return asked;
}

void note(Asked what, size_t bytes) {
  if (wanted() == nullptr) return;
  const std::lock_guard lock(traffic.mutex);
  Count& count = traffic.asked[static_cast<size_t>(what)];
  count.times++;
  count.bytes += bytes;
}

void note_launch(const char* name) {
  if (wanted() == nullptr) return;
  const std::lock_guard lock(traffic.mutex);
  traffic.launches[name]++;
}

}  // namespace emulated
