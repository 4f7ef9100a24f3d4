/**
 * Frees tensors and prints how many bytes the library keeps. In a process of its own, since that memory
 * belongs to the process.
 *
 * @module
 */

import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { NativeLibrary } from "../../../ffi/library.ts";

using backend = createCpuBackend();
using library = NativeLibrary.open("cpu");

function kept(): number {
  const reals = new Float64Array(4);
  library.unwrap(library.symbols.salient_memory(reals), "memory");
  return reals[2] ?? NaN;
}

const start = kept();
backend.zeros("F32", [1 << 20])[Symbol.dispose]();
const one = kept();
const again = backend.zeros("F32", [1 << 20]);
const reused = kept();
again[Symbol.dispose]();
const tensors = Array.from({ length: 40 }, () => backend.zeros("U8", [16 << 20]));
for (const tensor of tensors) tensor[Symbol.dispose]();
const many = kept();
backend.trim();
console.log(JSON.stringify({ start, one, reused, many, trimmed: kept() }));
