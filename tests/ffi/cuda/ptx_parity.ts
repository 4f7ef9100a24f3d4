/**
 * The CUDA library whose kernels run as PTX in an interpreter, against the reference; `deno task test:native:ptx` builds
 * it and runs this, which takes too long for `deno task test`.
 *
 * @module
 */

import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";
import { runBackendSuite } from "../backend_suite.ts";

runBackendSuite("cuda ptx", () => createCudaBackend({ library: "cuda_ptx" }), {
  packedTolerance: 2 ** -11 + 1e-6,
  scaleTolerance: 2 ** -16,
});
