/**
 * When files were changed.
 *
 * @module
 */

import { NATIVE_ROOT } from "./build_plan.ts";

/** Milliseconds at which a path below `ffi/native` was changed last; 0 where there is no such file. */
export function modified(path: string): number {
  try {
    return Deno.statSync(new URL(path, NATIVE_ROOT)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
