// Every kernel that could serve a large batch, side by side: what kernels/thresholds.h is to be set by.
#pragma once

#include "cublas.h"

namespace bench {

// Rows "int4, ..." and "fp16, ..." of one shape, against cuBLAS fp16 in the same run, and "int8, ..." beside them. `wgmma`: those of sm_90a
// too, which must work (probe.h).
void bench_candidates(uint32_t N, uint32_t K, double bandwidth, const Cublas& cublas, bool wgmma);

}  // namespace bench
