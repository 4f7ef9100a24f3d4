/**
 * The check that a checkpoint's scales are those of weights.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";

const SUFFIX = ".scales";
const WEIGHTS: readonly string[] = [".qweight", ".weight_packed", ".weight"];

/**
 * Refuses scales that belong to no weight. AutoAWQ saves what it divides activations by (`mlp.act.scales`) in families
 * whose MLP is no product, Falcon, MPT, Bloom, GPT-NeoX, GPT-J and StarCoder; who leaves those out computes nonsense.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export function checkScales({ entries, directory }: Checkpoint): void {
  for (const tensor of entries.keys()) {
    if (!tensor.endsWith(SUFFIX)) continue;
    const name = tensor.slice(0, -SUFFIX.length);
    if (WEIGHTS.some((weight) => entries.has(name + weight))) continue;
    throw new SalientError(
      "input",
      `${directory} divides activations by ${tensor}, as AutoAWQ does, which is not done here: ` +
        `quantize the original model`,
      { file: directory, tensor },
    );
  }
}
