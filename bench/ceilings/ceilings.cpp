// What this machine can do at most: read bandwidth out of cache, and multiply-add rates of the instructions that the
// kernels use. Prints one line of JSON; a rate that the processor lacks is null. GB/s and GFLOP/s, best of several runs,
// for one thread and for all.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Runs work(thread) on each thread; the best rate of `rounds`.
double best_rate(int threads, int rounds, double amount, const std::function<void(int)>& work) {
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    const double seconds = seconds_of([&] {
      std::vector<std::thread> others;
      for (int t = 1; t < threads; ++t) others.emplace_back(work, t);
      work(0);
      for (auto& other : others) other.join();
    });
    best = std::max(best, amount / seconds);
  }
  return best;
}

volatile uint64_t sink;  // keeps results alive

// Sums 64-byte lines into four registers, as a kernel that only reads would, and asks for lines `ahead` of them.
__attribute__((target("avx512f"))) uint64_t read512(const uint8_t* data, size_t size, size_t ahead) {
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  for (size_t i = 0; i + 256 <= size; i += 256) {
    for (size_t line = 0; line < 256 && ahead > 0; line += 64) __builtin_prefetch(data + i + ahead + line, 0, 2);
    a = _mm512_xor_si512(a, _mm512_load_si512(data + i));
    b = _mm512_xor_si512(b, _mm512_load_si512(data + i + 64));
    c = _mm512_xor_si512(c, _mm512_load_si512(data + i + 128));
    d = _mm512_xor_si512(d, _mm512_load_si512(data + i + 192));
  }
  const __m512i all = _mm512_xor_si512(_mm512_xor_si512(a, b), _mm512_xor_si512(c, d));
  return static_cast<uint64_t>(_mm512_reduce_add_epi64(all));
}

uint64_t read64(const uint8_t* data, size_t size) {
  const auto* words = reinterpret_cast<const uint64_t*>(data);
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= size / 8; i += 8) {
    for (size_t j = 0; j < 8; ++j) sums[j] ^= words[i + j];
  }
  uint64_t all = 0;
  for (uint64_t s : sums) all ^= s;
  return all;
}

constexpr long kSteps = 4'000'000;
constexpr int kChains = 12;  // enough to hide the latency, few enough for 16 registers

// A loop of independent multiply-adds in registers: nothing but the instruction itself.
#define RATE_LOOP(NAME, TARGET, REGISTER, ZERO, START, STEP, FOLD)                     \
  __attribute__((target(TARGET))) uint64_t NAME() {                                    \
    REGISTER chains[kChains];                                                          \
    for (int c = 0; c < kChains; ++c) {                                                \
      chains[c] = ZERO;                                                                \
      asm volatile("" : "+v"(chains[c])); /* or the compiler sees that all are equal */ \
    }                                                                                  \
    auto x = START;                                                                    \
    for (long i = 0; i < kSteps; ++i) {                                                \
      asm volatile("" : "+v"(x));                                                      \
      _Pragma("GCC unroll 12") for (int c = 0; c < kChains; ++c) chains[c] = STEP;     \
    }                                                                                  \
    uint64_t all = 0;                                                                  \
    for (int c = 0; c < kChains; ++c) all += static_cast<uint64_t>(FOLD);              \
    return all;                                                                        \
  }

RATE_LOOP(fma256, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_set1_ps(0.5f), _mm256_fmadd_ps(x, x, chains[c]),
          _mm256_cvtss_f32(chains[c]))
RATE_LOOP(fma512, "avx512f", __m512, _mm512_setzero_ps(), _mm512_set1_ps(0.5f), _mm512_fmadd_ps(x, x, chains[c]),
          _mm512_reduce_add_ps(chains[c]))
RATE_LOOP(bf16_512, "avx512bf16,avx512f", __m512, _mm512_setzero_ps(), _mm512_set1_ps(0.5f),
          _mm512_dpbf16_ps(chains[c], (__m512bh)x, (__m512bh)x), _mm512_reduce_add_ps(chains[c]))
RATE_LOOP(vnni512, "avx512vnni,avx512f", __m512i, _mm512_setzero_si512(), _mm512_set1_epi8(1),
          _mm512_dpbusd_epi32(chains[c], x, x), _mm512_reduce_add_epi32(chains[c]))

void print_rate(const char* name, bool has, int threads, double per_step, uint64_t (*loop)()) {
  std::printf(", \"%s\": ", name);
  if (!has) {
    std::printf("null");
    return;
  }
  const auto rate = [&](int count) {
    const double amount = per_step * kChains * static_cast<double>(kSteps) * count;
    return best_rate(count, 7, amount, [&](int) { sink = loop(); }) / 1e9;
  };
  const double one = rate(1);
  std::printf("{\"one\": %.1f, \"all\": %.1f}", one, rate(threads));
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : static_cast<int>(std::thread::hardware_concurrency());
  const size_t mebibytes = argc > 2 ? static_cast<size_t>(std::max(1, std::atoi(argv[2]))) : 512;
  const size_t size = mebibytes << 20;
  auto* data = static_cast<uint8_t*>(std::aligned_alloc(1 << 21, size));
  if (data == nullptr) return 1;
#if defined(__linux__)
  madvise(data, size, MADV_HUGEPAGE);
#endif
  for (size_t i = 0; i < size; i += 8) *reinterpret_cast<uint64_t*>(data + i) = i * 0x9E3779B97F4A7C15u;
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f");
  const auto bandwidth = [&](int count) {
    const size_t part = size / static_cast<size_t>(count) / 256 * 256;
    double best = 0;
    for (const size_t ahead : {size_t{0}, size_t{1} << 12, size_t{1} << 16}) {
      best = std::max(best, best_rate(count, 7, static_cast<double>(part) * count, [&](int t) {
                              const uint8_t* from = data + part * static_cast<size_t>(t);
                              sink = avx512 ? read512(from, part, ahead) : read64(from, part);
                            }) / 1e9);
    }
    return best;
  };
  const double one = bandwidth(1);
  std::printf("{\"threads\": %d, \"readGBs\": {\"one\": %.2f, \"all\": %.2f}", threads, one, bandwidth(threads));
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512) print_rate("fp32", true, threads, 32, fma512);
  else print_rate("fp32", avx2, threads, 16, fma256);
  print_rate("bf16", avx512 && __builtin_cpu_supports("avx512bf16"), threads, 64, bf16_512);
  print_rate("int8", avx512 && __builtin_cpu_supports("avx512vnni"), threads, 128, vnni512);
  std::printf("}\n");
  std::free(data);
  return 0;
}
