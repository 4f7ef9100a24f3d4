/**
 * What goes wrong while files are written.
 *
 * @module
 */

import { type ErrorCode, SalientError } from "../errors.ts";

/**
 * The error for something that went wrong while `path` was written.
 *
 * @param path The file or directory.
 * @param cause What was thrown. A {@linkcode SalientError} is returned as it is.
 * @param bytes Bytes that were to be in the file by then, if known.
 * @param code `"input"` where nothing was begun yet, else `"disk"`.
 */
export function diskError(
  path: string,
  cause: unknown,
  bytes?: number,
  code: ErrorCode = "disk",
): SalientError {
  if (cause instanceof SalientError) return cause;
  const size = bytes === undefined ? "" : ` of ${bytes} bytes so far`;
  return new SalientError(code, `Cannot write ${path}${size}: ${reason(cause)}`, {
    file: path,
    cause,
  });
}

function reason(cause: unknown): string {
  if (cause instanceof Deno.errors.NotCapable) {
    return "Deno was not given --allow-read and --allow-write for its folder";
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return "no permission, change that of its folder or choose another --out";
  }
  switch (codeOf(cause)) {
    case "ENOSPC":
      return "no space left on the disk, free some or choose another --out";
    case "EDQUOT":
      return "the disk quota is used up, free some space or choose another --out";
    case "EROFS":
      return "the disk is read-only, choose another --out";
    case "ENOTDIR":
      return "a part of its path is a file, choose another --out";
    case "EEXIST":
    case "ENOTEMPTY":
      return "it exists by now, choose another --out or remove it";
    default:
      return (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0] ?? "";
  }
}

/** The system's code of an error, for example `"ENOSPC"`. */
function codeOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !("code" in cause)) return undefined;
  return typeof cause.code === "string" ? cause.code : undefined;
}
