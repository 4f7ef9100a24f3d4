// What the tests of the emulated kernels share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "../emulated/emulated_memory.h"
#include "../kernels.h"
#include "../kernels/multiprocessors.h"
#include "../kernels/warp_ops.h"

#if defined(SALIENT_EMULATED)
inline size_t copies_left() { return salient::cuda::emulated_warp::copies_left(); }
#else
// nvcc compiles tests for the PTX of their kernels alone (test:native:ptx); the emulation has no meaning there.
inline size_t copies_left() { return 0; }
namespace salient::cuda {
namespace emulated_hopper {
inline size_t left() { return 0; }
}  // namespace emulated_hopper
namespace emulated_wgmma {
inline size_t left() { return 0; }
}  // namespace emulated_wgmma
inline bool emulated_wgmma_device = true;
inline uint32_t emulated_multiprocessors = 1;
}  // namespace salient::cuda
#endif

using namespace salient::cuda;

inline int passed = 0, failed = 0;

inline void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s\n", what.c_str());
}

inline std::mt19937 random_bits(20260801);

inline std::vector<float> normal(size_t n, float size = 1) {
  std::normal_distribution<float> draw(0, size);
  std::vector<float> out(n);
  for (float& x : out) x = draw(random_bits);
  return out;
}

// Device memory of the emulation: NaN until it is written, and unreadable for host code.
template <class T>
class Device {
 public:
  explicit Device(size_t count) : count_(count), data_(static_cast<T*>(emulated::allocate(count * sizeof(T)))) {}
  explicit Device(const std::vector<T>& values) : Device(values.size()) {
    const emulated::Opened opened;
    if (count_ > 0) std::memcpy(data_, values.data(), count_ * sizeof(T));
  }
  ~Device() { emulated::free(data_); }
  Device(const Device&) = delete;
  T* get() const { return data_; }
  std::vector<T> read() const {
    const emulated::Opened opened;
    std::vector<T> out(count_);
    if (count_ > 0) std::memcpy(out.data(), data_, count_ * sizeof(T));
    return out;
  }

 private:
  size_t count_;
  T* data_;
};

// A call's memory, filled with NaN, with counters that must be zero afterwards.
class TestWorkspace {
 public:
  explicit TestWorkspace(size_t bytes)
      : memory_(bytes), counters_(std::vector<uint32_t>(kCounters)), workspace_{memory_.get(), bytes, counters_.get()} {}
  const Workspace& get() const { return workspace_; }
  bool clean() const {
    const auto counters = counters_.read();
    return std::all_of(counters.begin(), counters.end(), [](uint32_t c) { return c == 0; }) &&
           copies_left() == 0;
  }

 private:
  Device<unsigned char> memory_;
  Device<uint32_t> counters_;
  Workspace workspace_;
};

// Values of a type as bytes, and what those bytes say.
struct Typed {
  std::vector<unsigned char> bytes;
  std::vector<float> values;
};

inline const char* name_of(Element type) {
  return type == Element::F16 ? "F16" : type == Element::BF16 ? "BF16" : type == Element::F64 ? "F64" : type == Element::F32 ? "F32" : "F8";
}

inline Typed typed(Element type, std::vector<float> values) {
  Typed out;
  const auto put = [&](const auto& array) {
    out.bytes.resize(array.size() * sizeof(array[0]));
    if (!array.empty()) std::memcpy(out.bytes.data(), array.data(), out.bytes.size());
  };
  if (type == Element::F32) {
    put(values);
  } else if (type == Element::F64) {
    put(std::vector<double>(values.begin(), values.end()));
  } else {
    std::vector<uint16_t> words(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      words[i] = static_cast<uint16_t>(type == Element::F16 ? f16_of(values[i]) : bf16_of(values[i]));
      values[i] = type == Element::F16 ? f16_to_float(words[i]) : bf16_to_float(words[i]);
    }
    put(words);
  }
  out.values = std::move(values);
  return out;
}

inline std::vector<float> floats(Element type, const std::vector<unsigned char>& bytes) {
  std::vector<float> out(bytes.size() / (type == Element::F32 ? 4 : 2));
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t word;
    std::memcpy(&word, &bytes[2 * i], 2);
    if (type == Element::F32) std::memcpy(&out[i], &bytes[4 * i], 4);
    else out[i] = type == Element::F16 ? f16_to_float(word) : bf16_to_float(word);
  }
  return out;
}

// mean |a - b| / mean |b|; infinite where a has a NaN.
inline double mean_error(const std::vector<float>& a, const std::vector<double>& b) {
  double error = 0, size = 1e-300;
  if (a.size() != b.size()) return INFINITY;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    error += std::fabs(a[i] - b[i]);
    size += std::fabs(b[i]);
  }
  return error / size;
}

// What rounding of results to a type adds to an error, on average.
inline double rounding(Element type) { return type == Element::F32 ? 0 : type == Element::F16 ? 3e-4 : 2e-3; }

inline int finish(const char* name) {
  std::printf("%s: %d passed, %d failed\n", name, passed, failed);
  return failed == 0 ? 0 : 1;
}
