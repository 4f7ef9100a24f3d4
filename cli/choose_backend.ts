/**
 * The backend that the options ask for.
 *
 * @module
 */

import { type Backend, openBackend } from "../mod.ts";

/** Opens it. */
export async function chooseBackend(
  args: {
    readonly backend: "auto" | "cpu" | "cuda" | "reference";
    readonly threads: number | undefined;
    readonly device: number | undefined;
  },
): Promise<Backend> {
  return await openBackend(args.backend, { threads: args.threads, device: args.device });
}
