/**
 * How a checkpoint says that activations are quantized.
 *
 * @module
 */

import { activationFault, type ActivationFormat } from "../activation_format.ts";
import type { Ops } from "../backend.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { ReadFormat } from "./types.ts";

/**
 * The format of a linear's activations; undefined where they stay as they are.
 *
 * @throws {SalientError} `input`, naming the linear, where it is one that is not run.
 */
export async function storedActivation(
  format: ReadFormat,
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<ActivationFormat | undefined> {
  const activation = format.decodeActivation === undefined
    ? stored.of(linear)?.activation
    : await format.decodeActivation(checkpoint, linear, stored, ops);
  const fault = activation === undefined ? undefined : activationFault(activation);
  if (fault === undefined) return activation;
  throw new SalientError(
    "input",
    `The activation format of ${showName(linear.name)} in ${checkpoint.directory} ${fault}`,
    { file: checkpoint.directory, tensor: linear.name },
  );
}
