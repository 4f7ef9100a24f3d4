/**
 * The backend that the options ask for.
 *
 * @module
 */

import { type Backend, openBackend, SalientError } from "../mod.ts";

/** Opens it. */
export async function chooseBackend(
  args: {
    readonly backend: "auto" | "cpu" | "cuda" | "reference";
    readonly threads: number | undefined;
    readonly device: number | undefined;
  },
): Promise<Backend> {
  try {
    return await openBackend(args.backend, { threads: args.threads, device: args.device });
  } catch (error) {
    // Asked for by name, a backend that is not there is wrong usage.
    if (!(error instanceof SalientError) || error.code !== "backend") throw error;
    throw new SalientError("usage", error.message, { cause: error });
  }
}
