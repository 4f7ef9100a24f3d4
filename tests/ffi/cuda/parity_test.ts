import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";
import { runBackendSuite } from "../backend_suite.ts";
import { usableLibraries } from "./usable_libraries.ts";

for (const { name, library, reason } of usableLibraries()) {
  if (reason === undefined) {
    // Half a unit of the last place of fp16 for the input, and what fp32 sums add.
    const options = {
      packedTolerance: 2 ** -11 + 1e-6,
      scaleTolerance: 2 ** -16,
    };
    runBackendSuite(name, () => createCudaBackend({ library }), options);
  } else Deno.test({ name: `${name}: skipped, ${reason}`, ignore: true, fn() {} });
}
