// Which kernel serves how many tokens: every such number of the library stands here.
//
// None of them has been measured on a device. Each says what it was set by, and which rows of cuda/bench/bench_kernels.cu
// tell the right value: the row with "candidate" of the kernel, at the batches on both sides. Until then the kernels
// of sm_90a, which have run in emulation alone, are chosen for nothing: what served before them stays the default.
//
// The product reads `thresholds` and never writes it; the benchmark and the tests do, to run what they are about.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace salient::cuda {

constexpr uint32_t kNever = 0xffffffffu;

// Rows of x up to which a product with a plain weight is made by few_rows.cu, which reads the weight once and uses no
// tensor cores. Eight is what its registers hold. Rows "fp16" at batch 8 and 16.
constexpr uint32_t kFewRows = 8;

struct Thresholds {
  // Tokens up to which the mma.sync kernel dequantizes a packed weight in registers; with more, the weight is dequantized
  // once into memory and a plain product follows. Set by reasoning: from about there the product takes longer than writing
  // and reading the weight as fp16. Rows "int4" with candidates "mma.sync" and "once, ..." at batch 64 to 512.
  uint32_t fused_tokens = 128;

  // Tokens from which cuBLASLt is asked before our own mma.sync kernel, where it is found. Set by reasoning: below it a
  // call's own costs weigh more. Rows "fp16" with candidates "library" and "mma.sync" at batch 16 to 64.
  uint32_t library_tokens = 16;

  // Tokens for which, on sm_90a, wgmma multiplies a packed weight that is dequantized in registers, before all of the
  // above. Expected to be right: 48 to 512. Rows "int4" with candidate "wgmma" against "mma.sync" and "once, ...".
  uint32_t wgmma_packed_from = kNever, wgmma_packed_to = kNever;

  // Tokens from which, on sm_90a, wgmma makes plain 16-bit and 8-bit products instead of cuBLASLt. Rows "fp16" with
  // candidate "wgmma" against "library".
  uint32_t wgmma_product_tokens = kNever;

  // The same where cuBLASLt is missing or does not take the product (8-bit integers, results that are rounded and then
  // finished), instead of mma.sync. Expected to be right: 64. Rows "fp16" with candidates "wgmma" and "mma.sync".
  uint32_t wgmma_alone_tokens = kNever;
};

#if defined(SALIENT_EMULATED)

// With SALIENT_EMULATED_WGMMA=1 in the environment all that wgmma can multiply is multiplied by it, for tests of the library.
inline Thresholds emulated_thresholds() {
  Thresholds chosen;
  const char* asked = std::getenv("SALIENT_EMULATED_WGMMA");
  if (asked != nullptr && asked[0] == '1') chosen.wgmma_packed_from = chosen.wgmma_product_tokens = 1;
  return chosen;
}
inline Thresholds thresholds = emulated_thresholds();

#else

inline Thresholds thresholds;

#endif

}  // namespace salient::cuda
