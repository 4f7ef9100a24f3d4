// Lines of the device benchmark's report, one JSON object each; and how many of its results were wrong.
#pragma once

#include <cstring>

#include "bench.h"

namespace bench {

inline int failures = 0;

inline void report(const std::string& line) {
  std::printf("{%s}\n", line.c_str());
  std::fflush(stdout);
}

inline std::string number(const char* name, double value) {
  char text[96];
  std::snprintf(text, sizeof text, ", \"%s\": %.6g", name, value);
  return text;
}

inline std::string shape_text(const char* work, uint32_t N, uint32_t K, uint32_t T) {
  return std::string("\"work\": \"") + work + "\"" + number("outputs", N) + number("inputs", K) + number("batch", T);
}

// The error is part of the line; one that is too large is a failure.
inline std::string checked(double error, double most) {
  if (error < most) return number("error", error);
  ++failures;
  return number("error", error) + ", \"wrong\": true";
}

// What a call may use until its work is done.
struct Memory {
  Bytes bytes, counters{kCounters * sizeof(uint32_t)};
  Workspace workspace;
  explicit Memory(size_t size) : bytes(std::max<size_t>(size, 16)), workspace{bytes.as<void>(), size, counters.as<uint32_t>()} {
    require(cudaMemset(counters.as<void>(), 0, counters.count()), "fill");
  }
};

}  // namespace bench
