/**
 * What goes wrong while the cache is written.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

/** The error for something that went wrong while a file of the cache was written. */
export function cacheError(path: string, cause: unknown, bytes?: number): SalientError {
  if (cause instanceof SalientError) return cause;
  const size = bytes === undefined ? "" : ` (${bytes} bytes so far)`;
  return new SalientError(
    "input",
    `The cache cannot be written, ${path}${size}: ${reason(cause)}`,
    {
      file: path,
      cause,
    },
  );
}

function reason(cause: unknown): string {
  if (cause instanceof Deno.errors.NotCapable) {
    return "run with --allow-read and --allow-write for it, or set HF_HUB_CACHE to a directory that has them";
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return "no permission, change that of its directory or set HF_HUB_CACHE to another";
  }
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return "no space left on the disk, free some or set HF_HUB_CACHE to a directory on another one; " +
      "what has come is kept";
  }
  if (code === "EROFS") return "the disk is read-only, set HF_HUB_CACHE to another directory";
  return (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0] ?? "";
}
