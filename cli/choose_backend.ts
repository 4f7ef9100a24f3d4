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
  },
): Promise<Backend> {
  return await openBackend(
    args.backend,
    args.threads === undefined ? {} : { threads: args.threads },
  );
}
