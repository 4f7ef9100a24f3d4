/**
 * Opens the model of a command.
 *
 * @module
 */

import { type Backend, loadFamily, type Model, openModel } from "../mod.ts";

/** Opens the model at `path`, as the file of `--family-file` describes it where there is one. */
export async function openLocated(
  path: string,
  backend: Backend,
  { familyFile }: { readonly familyFile: string | undefined },
): Promise<Model> {
  const family = familyFile === undefined ? undefined : await loadFamily(familyFile);
  return await openModel(path, backend, { family });
}
