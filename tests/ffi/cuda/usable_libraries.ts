/**
 * The CUDA libraries that can be used here.
 *
 * @module
 */

import { SalientError } from "../../../core/backend.ts";
import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";

/** The GPU, and its emulation on the host: the same kernels, compiled by g++ (see ffi/native/cuda/simt.h). */
const LIBRARIES = { cuda: "cuda", "cuda emulated": "cuda_emulated" } as const;

/** A library of the CUDA backend. */
export interface UsableLibrary {
  /** For the names of tests. */
  readonly name: string;
  /** What it is opened as. */
  readonly library: "cuda" | "cuda_emulated";
  /** Why it cannot be used here; undefined where it can. */
  readonly reason: string | undefined;
}

/** Every library, with the reason against those that cannot be used. */
export function usableLibraries(): UsableLibrary[] {
  return Object.entries(LIBRARIES).map(([name, library]) => {
    return { name, library, reason: reasonAgainst(library) };
  });
}

function reasonAgainst(library: "cuda" | "cuda_emulated"): string | undefined {
  try {
    createCudaBackend({ library })[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (!(error instanceof SalientError)) throw error;
    return error.message;
  }
}
