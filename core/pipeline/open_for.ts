/**
 * The model of a run.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import { openModel } from "../model/open_model.ts";
import type { RunOptions } from "./run_options.ts";

/** The model of the options: theirs, or one that is opened and goes with `opened`. */
export async function openFor(
  options: Pick<RunOptions, "model" | "backend">,
  opened: DisposableStack,
): Promise<Model> {
  const { model, backend } = options;
  if (typeof model === "string") return opened.use(await openModel(model, backend));
  if (model.backend === backend) return model;
  throw new SalientError(
    "usage",
    `The model was opened with the backend ${model.backend.name} and is to be quantized with ` +
      `another: give the same one`,
  );
}
