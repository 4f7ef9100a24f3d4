/**
 * Opens a backend by name.
 *
 * @module
 */

import { type Backend, SalientError } from "../core/backend.ts";
import { createCpuBackend } from "./cpu/cpu_backend.ts";
import { createCudaBackend } from "./cuda/cuda_backend.ts";
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
  /** The CUDA device's number, from 0; one device serves a process. Default: 0. */
  device?: number | undefined;
}

function openCpu(options: OpenBackendOptions): Backend {
  return createCpuBackend(options.threads === undefined ? {} : { threads: options.threads });
}

function openCuda(options: OpenBackendOptions): Backend {
  return createCudaBackend(options.device === undefined ? {} : { device: options.device });
}

/** What `open` gives, or the reason why it cannot be used here. */
function attempt(open: () => Backend): Backend | string {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof SalientError) || error.code !== "backend") throw error;
    return error.message;
  }
}

/**
 * The CPU library, else the reference, whose detail says why. CUDA only where a device is named: its kernels have been run
 * in an emulator, and until they have been checked on a device nobody gets them unasked.
 */
function openBest(options: OpenBackendOptions): Backend {
  if (options.device !== undefined) return openCuda(options);
  const cpu = attempt(() => openCpu(options));
  if (typeof cpu !== "string") return cpu;
  const reference = createReferenceBackend();
  return { ...reference, detail: `${reference.detail}, slow; ${cpu}` };
}

/**
 * Opens a backend. `"auto"` takes the CPU library, else the TypeScript reference, whose `detail` then says why; the CUDA
 * library, which has not been checked on a device yet, only where `device` is given. Throws a backend error where the named one cannot be
 * used, a usage error for a name that there is no backend for.
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
      return openCuda(options);
    default:
      throw new SalientError(
        "usage",
        `There is no backend ${name}: use auto, cpu, reference or cuda`,
      );
  }
}
