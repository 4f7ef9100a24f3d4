/**
 * The check that a checkpoint has a tensor.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { DType } from "../tensor.ts";

const FLOATS: readonly DType[] = ["F64", "F32", "F16", "BF16", "F8_E4M3"];

/**
 * Element type of a tensor that must be there with that shape and floating point numbers; an input
 * error that names it otherwise.
 */
export function checkTensor(
  checkpoint: Checkpoint,
  name: string,
  shape: readonly number[],
): DType {
  const entry = checkpoint.entries.get(name);
  const place = { file: checkpoint.directory, tensor: name };
  if (entry === undefined) {
    throw new SalientError(
      "input",
      `${checkpoint.directory} has no tensor ${name}, which its config.json calls for`,
      place,
    );
  }
  const fits = entry.shape.length === shape.length &&
    shape.every((length, axis) => entry.shape[axis] === length);
  if (!fits) {
    throw new SalientError(
      "input",
      `Tensor ${name} in ${checkpoint.directory} is [${entry.shape.join(", ")}], but its ` +
        `config.json makes it [${shape.join(", ")}]`,
      place,
    );
  }
  if (!FLOATS.includes(entry.dtype)) {
    throw new SalientError(
      "input",
      `Tensor ${name} in ${checkpoint.directory} is ${entry.dtype}, but must be floating point`,
      place,
    );
  }
  return entry.dtype;
}
