/**
 * Opens synthetic models.
 *
 * @module
 */

import type { Backend } from "../backend.ts";
import { openModel } from "../model/open_model.ts";
import type { Model } from "../model/model.ts";
import { type SyntheticModel, writeSyntheticModel } from "./synthetic_model.ts";

/** A synthetic model, and the temporary directory it is in. */
export interface OpenSynthetic extends AsyncDisposable {
  /** The model. */
  readonly model: Model;
  /** Its backend. */
  readonly backend: Backend;
}

/** Writes a synthetic model into a temporary directory and opens it; both go with the result's disposal. */
export async function openSynthetic(
  makeBackend: () => Backend | Promise<Backend>,
  kind: SyntheticModel = {},
): Promise<OpenSynthetic> {
  await using opened = new AsyncDisposableStack();
  const parent = await Deno.makeTempDir({ prefix: "salient-conformance-" });
  opened.defer(() => Deno.remove(parent, { recursive: true }));
  const directory = `${parent}/model`;
  await writeSyntheticModel(directory, kind);
  const backend = opened.use(await makeBackend());
  const model = opened.use(await openModel(directory, backend));
  const owned = opened.move();
  return { model, backend, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
