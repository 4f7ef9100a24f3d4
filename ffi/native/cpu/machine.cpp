// What the processor can do, and the threads that share the work.
#include <dlfcn.h>
#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels.h"

namespace salient {
namespace {

constexpr const char* kNames[kIsas] = {"scalar", "avx2", "avx512", "avx512bf16", "neon", "neondot", "neonbf16"};

// The lowest level of this architecture above the scalar one.
#if defined(__aarch64__)
constexpr Isa kFirstVectors = Isa::Neon;
#else
constexpr Isa kFirstVectors = Isa::Avx2;
#endif

Isa best_of_processor() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // These also ask whether the system saves the wide registers.
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))) {
    return Isa::Scalar;
  }
  if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))) {
    return Isa::Avx2;
  }
  // The last level also uses the integer products that every processor with bf16 products has.
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") ? Isa::Avx512Bf16
                                                                                      : Isa::Avx512;
#elif defined(__aarch64__) && defined(__linux__)
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) == 0) return Isa::Neon;
  return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0 ? Isa::NeonBf16 : Isa::NeonDot;
#elif defined(__aarch64__)
  return Isa::Neon;
#else
  return Isa::Scalar;
#endif
}

Isa processor_level() {
  static const Isa best = best_of_processor();
  return best;
}

bool has(Isa level) {
  return level == Isa::Scalar || (level >= kFirstVectors && level <= processor_level());
}

// What SALIENT_ISA allows; a name that is not known here allows everything.
Isa first_level() {
  Isa best = processor_level();
  const char* wanted = std::getenv("SALIENT_ISA");
  for (uint32_t i = 0; wanted != nullptr && i < kIsas; ++i) {
    if (std::strcmp(wanted, kNames[i]) == 0 && has(static_cast<Isa>(i))) best = static_cast<Isa>(i);
  }
  return best;
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> level{first_level()};
  return level;
}

// Between the operations of one token there are some ten microseconds; to wake a thread that sleeps takes several times
// as long. So one that runs out of work looks for more for this long before it sleeps, and no longer.
constexpr std::chrono::microseconds kAwake{50};

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Looks for what it waits for, for as long as a thread stays awake; whether it came.
template <typename Condition>
bool soon(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + kAwake;
  do {
    for (int i = 0; i < 32; ++i) {
      if (condition()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

struct Job {
  const std::function<void(size_t, size_t)>* body;
  size_t count, grain, pieces;
  std::atomic<size_t> next{0};
  size_t helpers;  // workers that may still join; guarded by the pool's lock
  std::atomic<size_t> done{0};
  std::mutex lock;
  std::condition_variable finished;
  std::exception_ptr error;  // guarded by the lock

  // Takes pieces until none is left.
  void work() {
    size_t mine = 0;
    std::exception_ptr failure;
    for (;;) {
      const size_t piece = next.fetch_add(1, std::memory_order_relaxed);
      if (piece >= pieces) break;
      const size_t begin = piece * grain;
      try {
        if (!failure) (*body)(begin, begin + grain < count ? begin + grain : count);
      } catch (...) {
        failure = std::current_exception();
      }
      ++mine;
    }
    if (mine == 0) return;
    std::lock_guard<std::mutex> guard(lock);
    if (failure && !error) error = failure;
    if (done.fetch_add(mine) + mine == pieces) finished.notify_all();
  }

  bool is_done() const { return done.load() == pieces; }

  void wait() {
    if (!soon([&] { return is_done(); })) {
      std::unique_lock<std::mutex> guard(lock);
      finished.wait(guard, [&] { return is_done(); });
    }
    // Whoever did the last piece may still be about to let the lock go.
    std::lock_guard<std::mutex> guard(lock);
  }
};

// Whether this thread is inside a piece: pieces started from a piece run where they are.
thread_local bool inside = false;

struct InsideMark {
  bool before = inside;
  InsideMark() { inside = true; }
  ~InsideMark() { inside = before; }
};

// Never destroyed: its threads sleep until the process ends.
class Pool {
 public:
  void set(uint32_t count) {
    if (count == 0) count = std::thread::hardware_concurrency();
    if (count == 0) count = 1;
    wanted_.store(count > 256 ? 256 : count);
  }
  uint32_t wanted() const { return wanted_.load(); }

  void run(const std::shared_ptr<Job>& job) {
    const size_t helpers = job->helpers;  // read before workers see the job
    size_t asleep = 0;
    {
      std::lock_guard<std::mutex> guard(lock_);
      while (workers_ < helpers && start_worker()) {
      }
      jobs_.push_back(job);
      jobs_seen_.fetch_add(1);
      asleep = asleep_;
    }
    if (asleep > 0) {
      if (helpers == 1) wake_.notify_one();
      else wake_.notify_all();
    }
    {
      InsideMark mark;
      job->work();
    }
    job->wait();
    std::lock_guard<std::mutex> guard(lock_);
    remove(job.get());
  }

 private:
  bool start_worker() {
    if (workers_ == 0) keep_loaded();
    try {
      std::thread([this] { serve(); }).detach();
    } catch (...) {
      return false;  // fewer threads than wanted; the caller's own always works
    }
    ++workers_;
    return true;
  }

  // Workers outlive a dlclose of this library, so its code must stay mapped.
  static void keep_loaded() {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(&best_of_processor), &info) != 0 && info.dli_fname != nullptr) {
      dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    }
  }

  void remove(const Job* job) {
    for (size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i].get() == job) {
        jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
    }
  }

  std::shared_ptr<Job> take() {
    for (const auto& job : jobs_) {
      if (job->helpers > 0 && job->next.load(std::memory_order_relaxed) < job->pieces) {
        --job->helpers;
        return job;
      }
    }
    return nullptr;
  }

  void serve() {
    inside = true;
    std::unique_lock<std::mutex> guard(lock_);
    for (;;) {
      std::shared_ptr<Job> job = take();
      if (job == nullptr) {
        const size_t seen = jobs_seen_.load();
        guard.unlock();
        const bool more = soon([&] { return jobs_seen_.load() != seen; });
        guard.lock();
        if (more) continue;
        ++asleep_;
        wake_.wait(guard, [&] { return (job = take()) != nullptr; });
        --asleep_;
      }
      guard.unlock();
      job->work();
      job.reset();
      guard.lock();
    }
  }

  std::mutex lock_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<Job>> jobs_;
  std::atomic<size_t> jobs_seen_{0};
  size_t workers_ = 0, asleep_ = 0;
  std::atomic<uint32_t> wanted_{std::thread::hardware_concurrency() > 0 ? std::thread::hardware_concurrency() : 1};
};

Pool& pool() {
  static Pool* only = new Pool;
  return *only;
}

}  // namespace

Isa isa() { return current().load(std::memory_order_relaxed); }

const char* isa_name(Isa level) { return kNames[static_cast<uint32_t>(level)]; }

bool force_isa(Isa level) {
  if (!has(level)) return false;
  current().store(level);
  return true;
}

void set_threads(uint32_t count) { pool().set(count); }

uint32_t threads() { return pool().wanted(); }

void parallel_for(size_t count, size_t grain, const std::function<void(size_t, size_t)>& body) {
  if (count == 0) return;
  if (grain == 0) grain = 1;
  const size_t pieces = (count + grain - 1) / grain;
  const uint32_t width = threads();
  if (pieces == 1 || width == 1 || inside) {
    for (size_t begin = 0; begin < count; begin += grain) {
      body(begin, begin + grain < count ? begin + grain : count);
    }
    return;
  }
  auto job = std::make_shared<Job>();
  job->body = &body;
  job->count = count;
  job->grain = grain;
  job->pieces = pieces;
  job->helpers = (width < pieces ? width : pieces) - 1;
  pool().run(job);
  if (job->error) std::rethrow_exception(job->error);
}

}  // namespace salient
