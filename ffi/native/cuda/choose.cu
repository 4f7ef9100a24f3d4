// The choice of tokens, one block for a row. No sorting: the least weight that is kept is found digit by digit.
#include "../abi/token_choice.h"
#include "memory.h"
#include "numbers.h"

namespace salient {
namespace {

constexpr unsigned kThreads = 1024, kWarps = kThreads / 32, kAll = 0xffffffffu;
using u64 = unsigned long long;

// The sum over the block's threads, in every thread.
__device__ u64 block_total(u64 value) {
  __shared__ u64 parts[kWarps];
  value = warp_sum(value);
  __syncthreads();  // an earlier sum was read by all
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  u64 total = 0;
  for (unsigned w = 0; w < kWarps; w++) total += parts[w];
  return total;
}

// The sum over the warp's lanes up to this one.
__device__ __forceinline__ u64 sum_so_far(u64 value) {
  for (unsigned distance = 1; distance < 32; distance *= 2) {
    const u64 before = __shfl_up_sync(kAll, value, distance);
    if (threadIdx.x % 32 >= distance) value += before;
  }
  return value;
}

// The first of the largest logits, in every thread; -1 where there is none to choose.
__device__ int likeliest(const float* logits, size_t V) {
  __shared__ u64 tops[kWarps];
  __shared__ int bad;
  if (threadIdx.x == 0) bad = 0;
  __syncthreads();
  u64 top = 0;
  for (size_t i = threadIdx.x; i < V; i += kThreads) {
    const float value = logits[i] + 0.0f;  // -0 becomes 0
    if (value != value || value == INFINITY) bad = 1;  // every writer writes the same
    const uint32_t bits = bits_of(value), key = (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
    const u64 place = static_cast<u64>(key) << 32 | (0xffffffffu - static_cast<uint32_t>(i));
    top = place > top ? place : top;
  }
  for (int distance = 16; distance > 0; distance /= 2) {
    const u64 other = __shfl_xor_sync(kAll, top, distance);
    top = other > top ? other : top;
  }
  if (threadIdx.x % 32 == 0) tops[threadIdx.x / 32] = top;
  __syncthreads();
  for (unsigned w = 0; w < kWarps; w++) top = tops[w] > top ? tops[w] : top;
  const uint32_t best = 0xffffffffu - static_cast<uint32_t>(top);
  return bad != 0 || logits[best] == -INFINITY ? -1 : static_cast<int>(best);
}

struct Selected {
  uint32_t weight;
  u64 above;  // amount of the larger ones
};

// The largest weight that with all larger ones amounts to `target`, 0 where all together do not. A weight amounts to
// itself, or, where `counted`, to 1. The same in every thread.
__device__ Selected select(const uint32_t* weights, size_t V, bool counted, double target) {
  __shared__ u64 amounts[256];
  __shared__ Selected found;
  __shared__ uint32_t found_digit;
  uint32_t prefix = 0, mask = 0;
  u64 above = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    __syncthreads();  // the round before was read by all
    for (unsigned i = threadIdx.x; i < 256; i += kThreads) amounts[i] = 0;
    __syncthreads();
    // Most have the digit 0, whose amount nobody needs: it is taken where no other one is.
    for (size_t i = threadIdx.x; i < V; i += kThreads) {
      const uint32_t weight = weights[i], digit = weight >> shift & 255;
      if ((weight & mask) == prefix && digit != 0) atomicAdd(&amounts[digit], counted ? u64{1} : u64{weight});
    }
    __syncthreads();
    if (threadIdx.x < 32) {
      // Lane l has the digits 255 - 8 l and the seven below.
      const unsigned first = 255 - 8 * threadIdx.x;
      u64 own = 0;
      for (unsigned d = 0; d < 8; d++) own += amounts[first - d];
      const u64 upto = above + sum_so_far(own), before = upto - own;
      const bool here = static_cast<double>(upto) >= target && static_cast<double>(before) < target;
      if (threadIdx.x == 31 && static_cast<double>(upto) < target) found = {0, upto}, found_digit = 0;
      if (here) {
        u64 sum = before;
        unsigned digit = first;
        while (digit > 0 && static_cast<double>(sum + amounts[digit]) < target) sum += amounts[digit--];
        found = {0, sum};
        found_digit = digit;
      }
    }
    __syncthreads();
    above = found.above;
    prefix |= found_digit << shift;
    mask |= 255u << shift;
  }
  return {prefix, above};
}

__device__ uint32_t least_kept(const uint32_t* weights, size_t V, const TokenChoice& choice) {
  const bool all = choice.top_k == 0 || choice.top_k >= V;
  Selected last{0, 0};
  if (!all) last = select(weights, V, true, choice.top_k);
  if (choice.top_p == 1) return last.weight;
  u64 larger = 0;
  for (size_t i = threadIdx.x; i < V; i += kThreads) larger += weights[i] > last.weight ? weights[i] : 0;
  u64 total = block_total(larger);
  if (!all) total += (choice.top_k - last.above) * last.weight;
  return max(last.weight, select(weights, V, false, choice.top_p * static_cast<double>(total)).weight);
}

__global__ void __launch_bounds__(kThreads) choose_kernel(const float* all_logits, size_t V, TokenChoice choice,
                                                          const double* random, uint32_t* all_weights, int32_t* tokens) {
  const float* logits = all_logits + blockIdx.x * V;
  const int best = likeliest(logits, V);
  if (best < 0 || choice.temperature == 0) {  // the same for the whole block
    if (threadIdx.x == 0) tokens[blockIdx.x] = best;
    return;
  }
  uint32_t* weights = all_weights + blockIdx.x * V;
  const double largest = logits[best];
  for (size_t i = threadIdx.x; i < V; i += kThreads) {
    const double power = (logits[i] - largest) / choice.temperature;
    weights[i] = power < kLeastPower ? 0 : static_cast<uint32_t>(exp(power) * kTokenUnit + 0.5);
  }
  __syncthreads();
  const uint32_t least = least_kept(weights, V, choice);

  // Each warp has a stretch of the row; the one that the place falls into looks for it.
  __shared__ u64 sums[kWarps];
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const size_t stretch = (V + kWarps - 1) / kWarps, begin = min(V, warp * stretch), end = min(V, begin + stretch);
  u64 own = 0;
  for (size_t i = begin + lane; i < end; i += 32) own += weights[i] >= least ? weights[i] : 0;
  own = warp_sum(own);
  if (lane == 0) sums[warp] = own;
  __syncthreads();
  u64 before = 0, total = 0;
  for (unsigned w = 0; w < kWarps; w++) {
    if (w == warp) before = total;
    total += sums[w];
  }
  const u64 wanted = static_cast<u64>(random[blockIdx.x] * static_cast<double>(total)), place = min(wanted, total - 1);
  if (place < before || place >= before + own) return;  // the same for the whole warp
  for (size_t base = begin; base < end; base += 32) {
    const size_t i = base + lane;
    const u64 upto = before + sum_so_far(i < end && weights[i] >= least ? weights[i] : 0);
    const unsigned beyond = __ballot_sync(kAll, upto > place);
    if (beyond != 0) {
      if (lane == 0) tokens[blockIdx.x] = static_cast<int32_t>(base + static_cast<size_t>(__ffs(static_cast<int>(beyond)) - 1));
      return;
    }
    before = __shfl_sync(kAll, upto, 31);
  }
}

}  // namespace

void choose_tokens(const float* logits, size_t T, size_t V, const TokenChoice& choice, const double* random,
                   int32_t* tokens) {
  if (T == 0) return;
  const Temporary<double> numbers(random, choice.temperature == 0 ? 0 : T);
  const Temporary<uint32_t> weights(choice.temperature == 0 ? 0 : T * V);
  const Temporary<int32_t> chosen(T);
  simt::launch("chooseTokens", choose_kernel, static_cast<unsigned>(T), kThreads, 0, logits, V, choice, numbers.data(),
               weights.data(), chosen.data());
  chosen.read(tokens);
}

}  // namespace salient
