/**
 * The parity suite on the emulated CUDA library. Run with SALIENT_EMULATED_WGMMA=1, its products are those of sm_90a.
 *
 * @module
 */

import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";
import { runBackendSuite } from "../backend_suite.ts";

runBackendSuite("wgmma", () => createCudaBackend({ library: "cuda_emulated" }), {
  packedTolerance: 2 ** -11 + 1e-6,
  scaleTolerance: 2 ** -16,
});
