// A library of products as a contestant: see ../contestant.ts for the lines of JSON it is spoken to in.
#ifndef SALIENT_BENCH_CONTESTANT_H
#define SALIENT_BENCH_CONTESTANT_H

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

// y [T, N] = x [T, K] times W^T, W [N, K].
struct Work {
  bool bf16 = false;
  int64_t T = 0, N = 0, K = 0;
};

// Memory as ours has it: aligned, in huge pages where it is large.
template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t count) : count_(count) {
    constexpr size_t kHuge = size_t{2} << 20;
    const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + kHuge - 1) / kHuge * kHuge;
    data_.reset(static_cast<T*>(std::aligned_alloc(kHuge, bytes)));
    if (data_ == nullptr) throw std::runtime_error("No memory");
    madvise(data_.get(), bytes, MADV_HUGEPAGE);
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  int64_t count() const { return count_; }
  T& operator[](int64_t i) { return data_.get()[i]; }
  const T& operator[](int64_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* data) const { std::free(data); }
  };
  int64_t count_;
  std::unique_ptr<T, Free> data_;
};

using Bf16 = uint16_t;

inline Bf16 to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);  // the data hold no NaN
  return static_cast<Bf16>((bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
}

inline float to_float(Bf16 value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }

inline Buffer<Bf16> to_bf16(const Buffer<float>& values) {
  Buffer<Bf16> out(values.count());
  for (int64_t i = 0; i < values.count(); ++i) out[i] = to_bf16(values[i]);
  return out;
}

// A work that is ready to be done.
class Prepared {
 public:
  virtual ~Prepared() = default;
  // Does it once, into y [T, N].
  virtual void run(float* y) = 0;
};

// A library.
class Library {
 public:
  virtual ~Library() = default;
  // Versions and the code it runs; whether it has products of bf16.
  virtual std::string about() = 0;
  virtual bool has_bf16() = 0;
  virtual std::unique_ptr<Prepared> prepare(const Work& work, Buffer<float> x, Buffer<float> w) = 0;
};

namespace contestant {

inline std::string threads(int count) { return std::to_string(count) + (count == 1 ? " thread" : " threads"); }

inline std::string text_of(const std::string& line, const std::string& key) {
  const size_t at = line.find("\"" + key + "\":");
  if (at == std::string::npos) throw std::runtime_error("The request lacks " + key);
  size_t from = at + key.size() + 3;
  const bool quoted = line[from] == '"';
  if (quoted) ++from;
  return line.substr(from, line.find_first_of(quoted ? "\"" : ",}", from) - from);
}

inline Buffer<float> read_floats(const std::string& path, int64_t count) {
  std::ifstream file(path, std::ios::binary);
  Buffer<float> values(count);
  const auto bytes = static_cast<std::streamsize>(count * 4);
  if (!file.read(reinterpret_cast<char*>(values.data()), bytes)) throw std::runtime_error("Cannot read " + path);
  return values;
}

inline void write_floats(const std::string& path, const float* values, int64_t count) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * 4));
}

class Server {
 public:
  explicit Server(Library& library) : library_(library) {}

  std::string answer(const std::string& line) {
    const std::string what = text_of(line, "do");
    if (what == "about") {
      return "{\"about\": \"" + library_.about() + "\", \"bf16\": " + (library_.has_bf16() ? "true}" : "false}");
    }
    if (what == "prepare") return prepare(line);
    if (prepared_ == nullptr) throw std::runtime_error("Nothing was prepared");
    if (what == "run") return times(std::stod(text_of(line, "seconds")));
    write_floats(text_of(line, "y"), y_->data(), y_->count());
    const int64_t rows = std::min<int64_t>(std::stol(text_of(line, "count")), work_.N);
    write_floats(text_of(line, "rows"), rows_.data(), rows * work_.K);
    return "{}";
  }

 private:
  static constexpr int64_t kRows = 64;  // rows of the weight that are kept to be shown

  std::string prepare(const std::string& line) {
    prepared_.reset();
    if (text_of(line, "kind") != "product") throw std::runtime_error("It has products of matrices only");
    work_ = {text_of(line, "stored") == "bf16", std::stol(text_of(line, "T")), std::stol(text_of(line, "N")),
             std::stol(text_of(line, "K"))};
    auto x = read_floats(text_of(line, "x"), work_.T * work_.K);
    auto w = read_floats(text_of(line, "w"), work_.N * work_.K);
    rows_.assign(w.data(), w.data() + std::min(kRows, work_.N) * work_.K);
    if (work_.bf16) {
      for (float& value : rows_) value = to_float(to_bf16(value));
    }
    y_ = std::make_unique<Buffer<float>>(work_.T * work_.N);
    prepared_ = library_.prepare(work_, std::move(x), std::move(w));
    times(0);
    return "{}";
  }

  std::string times(double seconds) {
    using Clock = std::chrono::steady_clock;
    std::ostringstream out;
    out << "{\"nanoseconds\": [";
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    for (int run = 0; run < 2 || Clock::now() < end; ++run) {
      const auto start = Clock::now();
      prepared_->run(y_->data());
      out << (run > 0 ? ", " : "") << (Clock::now() - start) / std::chrono::nanoseconds(1);
    }
    return out.str() + "]}";
  }

  Library& library_;
  Work work_;
  std::vector<float> rows_;
  std::unique_ptr<Buffer<float>> y_;
  std::unique_ptr<Prepared> prepared_;
};

// Answers until the input ends.
inline int serve(Library& library) {
  Server server(library);
  for (std::string line; std::getline(std::cin, line);) {
    std::string reply;
    try {
      reply = server.answer(line);
    } catch (const std::exception& error) {
      reply = std::string("{\"error\": \"") + error.what() + "\"}";
    }
    std::cout << "@" << reply << std::endl;
  }
  return 0;
}

}  // namespace contestant
#endif
