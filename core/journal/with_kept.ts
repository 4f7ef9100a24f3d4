/**
 * Errors of runs that can go on.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

/** The error, with what is kept of the run in its message. */
export function withKept(error: unknown, kept: string | undefined): unknown {
  if (kept === undefined || !(error instanceof SalientError)) return error;
  const { code, message, plugin, hook, tensor, file } = error;
  const place = Object.fromEntries(
    Object.entries({ plugin, hook, tensor, file }).filter(([, value]) => value !== undefined),
  );
  const join = code === "interrupted" ? ": what is done is kept, " : "; what is done is kept, ";
  return new SalientError(code, `${message}${join}${kept}`, { ...place, cause: error });
}
