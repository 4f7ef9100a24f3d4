/**
 * The CPU backend: C++ kernels behind the C interface of `ffi/native/salient.h`.
 *
 * @module
 */

import { type Backend, SalientError } from "../../core/backend.ts";
import { createNativeBackend } from "../abi/native_backend.ts";
import { type LibraryOptions, NativeLibrary } from "../library.ts";

/** Instruction sets in the order of their numbers in `salient.h`. */
const ISAS = [
  "scalar",
  "avx2",
  "avx512",
  "avx512bf16",
  "neon",
  "neondot",
  "neonbf16",
] as const;

/**
 * An instruction set that the kernels are written for. `scalar` runs everywhere; on x86_64 `avx2` (with FMA
 * and F16C), `avx512` (F, BW, VL, DQ) and `avx512bf16` (with VNNI); on aarch64 `neon` (every processor),
 * `neondot` (FEAT_DotProd) and `neonbf16` (with FEAT_BF16).
 */
export type CpuIsa = (typeof ISAS)[number];

/** How the CPU backend runs. Threads and instruction set hold for the whole process. */
export interface CpuBackendOptions extends LibraryOptions {
  /** Threads that work; results do not depend on it. Default: as before, at first one for each core. */
  threads?: number;
  /** Instruction set to use, for tests. Default: the best that the processor has. */
  isa?: CpuIsa;
}

/**
 * Opens the CPU library. A backend error says what is missing: the library, a permission, an instruction
 * set. Memory kept for reuse, threads and the instruction set are shared by the backends of a process.
 */
export function createCpuBackend(options: CpuBackendOptions = {}): Backend {
  const { threads, isa } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024)) {
    throw new SalientError(
      "usage",
      `Threads must be a whole number from 1 to 1024 but are ${threads}`,
    );
  }
  const library = NativeLibrary.open("cpu", options);
  try {
    const { salient_set_threads, salient_force_isa } = library.symbols;
    if (threads !== undefined) library.unwrap(salient_set_threads(threads), "threads");
    if (isa !== undefined) library.unwrap(salient_force_isa(ISAS.indexOf(isa)), "isa");
    return createNativeBackend("cpu", library);
  } catch (error) {
    library[Symbol.dispose]();
    throw error;
  }
}
