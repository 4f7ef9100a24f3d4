/**
 * Loads plain weights.
 *
 * @module
 */

import type { Backend } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { transposeTensor } from "../export/transpose_tensor.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";

/** A linear's weight [N, K]: a view of the checkpoint, or a copy where it is stored as [K, N]. */
export function loadWeight(checkpoint: Checkpoint, backend: Backend, info: LinearInfo): Tensor {
  const name = `${info.name}.weight`;
  if (info.transposed !== true) return checkpoint.tensor(name);
  using stored = checkpoint.tensor(name);
  return transposeTensor(stored, backend);
}
