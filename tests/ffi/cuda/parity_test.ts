import { SalientError } from "../../../core/backend.ts";
import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";
import { runBackendSuite } from "../backend_suite.ts";

/** The GPU, and its emulation on the host: the same kernels, compiled by g++ (see ffi/native/cuda/simt.h). */
const LIBRARIES = { cuda: "cuda", "cuda emulated": "cuda_emulated" } as const;

/** Why a library cannot be used here; undefined where it can. */
function reasonAgainst(library: "cuda" | "cuda_emulated"): string | undefined {
  try {
    createCudaBackend({ library })[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (!(error instanceof SalientError)) throw error;
    return error.message;
  }
}

for (const [name, library] of Object.entries(LIBRARIES)) {
  const reason = reasonAgainst(library);
  if (reason === undefined) {
    // Half a unit of the last place of fp16 for the input, and what fp32 sums add.
    const options = {
      packedTolerance: 2 ** -11 + 1e-6,
      scaleTolerance: 2 ** -16,
    };
    runBackendSuite(name, () => createCudaBackend({ library }), options);
  } else Deno.test({ name: `${name}: skipped, ${reason}`, ignore: true, fn() {} });
}
