/**
 * Programs of tests that run on the emulated CUDA library.
 *
 * @module
 */

import { findLibrary } from "../../../ffi/library.ts";
import { runChild } from "../children/run_child.ts";

const FLAGS = [
  "--allow-read",
  "--allow-write",
  "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
];

/** Whether the emulated library is there: deno task build:native --emulated. */
export function isEmulationBuilt(): boolean {
  try {
    findLibrary("cuda_emulated");
    return true;
  } catch {
    return false;
  }
}

/** What a program of `tests/ffi/children` prints, with these variables in its environment. */
export async function runEmulated(
  name: string,
  variables: Record<string, string>,
): Promise<Record<string, unknown>> {
  return await runChild(name, FLAGS, variables) as Record<string, unknown>;
}
