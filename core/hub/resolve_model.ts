/**
 * What the user means by a model.
 *
 * @module
 */

import { type FetchedModel, fetchModel, type FetchModelOptions } from "./fetch_model.ts";
import { parseHubModel } from "./hub_model.ts";

/** A model that can be opened. */
export interface ResolvedModel {
  /** A directory or a GGUF file, for `openModel` and `loadTokenizer`. */
  readonly path: string;
  /** Where it is from, if that is the hub. */
  readonly hub?: FetchedModel;
}

/**
 * Finds a model: what is there under that path; else, where it is written `org/name[@revision]` or
 * `org/name:file.gguf`, what {@linkcode fetchModel} brings. A path that leads nowhere is returned as it is, and whoever
 * opens it says so.
 *
 * @throws {SalientError} `input`, as {@linkcode fetchModel}.
 *
 * @example A directory stays what it is
 * ```ts
 * import { resolveModel } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(await resolveModel("models/salient-tiny"), { path: "models/salient-tiny" });
 * ```
 *
 * @example A model of the hub
 * ```ts ignore
 * import { openBackend, openModel, resolveModel } from "@salient/quant";
 *
 * using backend = await openBackend("auto");
 * const { path } = await resolveModel("HuggingFaceTB/SmolLM2-135M@main");
 * using model = await openModel(path, backend);
 * ```
 */
export async function resolveModel(
  model: string,
  options: FetchModelOptions = {},
): Promise<ResolvedModel> {
  const found = parseHubModel(model);
  if (found === undefined) return { path: model };
  // A directory that exists is meant, whatever its name looks like.
  if (await Deno.stat(model).then(() => true, () => false)) return { path: model };
  const hub = await fetchModel(found, options);
  return { path: hub.path, hub };
}
