/**
 * Tensors of a checkpoint that must have a certain type and shape.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";
import type { DType, Tensor } from "../tensor.ts";
import { damaged } from "./damaged.ts";

/**
 * A view of a tensor that must have one of the types, and the shape. The caller disposes it.
 *
 * @throws {SalientError} `input`, naming the tensor, where it has not, or is not there.
 */
export function storedView(
  checkpoint: Checkpoint,
  name: string,
  dtypes: readonly DType[],
  shape: readonly number[],
): Tensor {
  const entry = checkpoint.entries.get(name);
  const fits = entry === undefined || (
    dtypes.includes(entry.dtype) &&
    entry.shape.length === shape.length &&
    entry.shape.every((length, axis) => length === shape[axis])
  );
  if (!fits) {
    const found = `${entry.dtype} [${entry.shape.join(", ")}]`;
    const wanted = `${dtypes.join(" or ")} [${shape.join(", ")}]`;
    throw damaged(checkpoint, name, `is ${found} where the model needs ${wanted}`);
  }
  return checkpoint.tensor(name);
}
