/**
 * The check that a checkpoint's scales are those of weights.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";
import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";

const SUFFIX = ".scales";
const WEIGHTS: readonly string[] = [".qweight", ".weight_packed", ".weight"];

/**
 * Refuses scales that belong to no weight, unless they are all 1, as ours are. AutoAWQ saves what it divides activations by (`mlp.act.scales`) in families
 * whose MLP is no product, Falcon, MPT, Bloom, GPT-NeoX, GPT-J and StarCoder; who leaves those out computes nonsense.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export function checkScales(checkpoint: Checkpoint, ops: Pick<Ops, "download">): void {
  const { entries, directory } = checkpoint;
  for (const tensor of entries.keys()) {
    if (!tensor.endsWith(SUFFIX)) continue;
    const name = tensor.slice(0, -SUFFIX.length);
    if (WEIGHTS.some((weight) => entries.has(name + weight))) continue;
    using scales = checkpoint.tensor(tensor);
    if (scales.shape.length === 1 && ops.download(scales).every((scale) => scale === 1)) continue;
    throw new SalientError(
      "input",
      `${directory} divides activations by ${tensor}, as AutoAWQ does, which is not done here: ` +
        `quantize the original model`,
      { file: directory, tensor },
    );
  }
}
