/**
 * Forgets tensors and prints how many bytes the garbage collector left. Needs --expose-gc.
 *
 * @module
 */

import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";

declare const gc: () => void;

using backend = createCpuBackend();
(function forget(): void {
  for (let i = 0; i < 100; i++) backend.zeros("F32", [1000]);
})();
const before = backend.allocatedBytes();
for (let i = 0; i < 50 && backend.allocatedBytes() > 0; i++) {
  gc();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(JSON.stringify({ before, after: backend.allocatedBytes() }));
