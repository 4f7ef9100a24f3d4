/**
 * Opens a backend by name.
 *
 * @module
 */

import { type Backend, SalientError } from "../core/backend.ts";
import { createCpuBackend } from "./cpu/cpu_backend.ts";
import { createReferenceBackend } from "./reference/reference_backend.ts";

/** Names that {@linkcode openBackend} takes. */
export type BackendName = "auto" | "cpu" | "reference" | "cuda";

/** How a backend runs. */
export interface OpenBackendOptions {
  /**
   * Threads that the CPU backend uses, in the whole process; results do not depend on it. Default: one for
   * each core.
   */
  threads?: number | undefined;
}

function openCpu(options: OpenBackendOptions): Backend {
  return createCpuBackend(options.threads === undefined ? {} : { threads: options.threads });
}

/** The CPU library, or the reference with the reason why in its detail. */
function openBest(options: OpenBackendOptions): Backend {
  try {
    return openCpu(options);
  } catch (error) {
    if (!(error instanceof SalientError) || error.code !== "backend") throw error;
    const reference = createReferenceBackend();
    return { ...reference, detail: `${reference.detail}, slow; ${error.message}` };
  }
}

/**
 * Opens a backend. `"auto"` takes the CPU library where it can be opened, else the TypeScript reference,
 * whose `detail` then says why. Throws a backend error where the named one cannot be used, a usage error
 * for a name that this version has no backend for.
 *
 * @example The sum of two tensors
 * ```ts
 * import { openBackend } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = await openBackend("auto");
 * using x = backend.upload(Float32Array.of(1, 2), "F32", [2]);
 * using y = backend.upload(Float32Array.of(3, 4), "F32", [2]);
 * await backend.addInPlace(x, y);
 * assert.deepEqual([...backend.download(x)], [4, 6]);
 * ```
 */
export async function openBackend(
  name: BackendName = "auto",
  options: OpenBackendOptions = {},
): Promise<Backend> {
  switch (name) {
    case "auto":
      return await Promise.resolve(openBest(options));
    case "cpu":
      return openCpu(options);
    case "reference":
      return createReferenceBackend();
    case "cuda":
      throw new SalientError(
        "usage",
        "This version has no CUDA backend: use cpu, reference or auto",
      );
    default:
      throw new SalientError(
        "usage",
        `There is no backend ${name}: use auto, cpu, reference or cuda`,
      );
  }
}
