/**
 * Loads norms.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { checkTensor } from "./check_tensor.ts";
import type { NormSpec } from "./layout.ts";
import type { BlockNorm } from "./model.ts";

/**
 * A norm as views of the checkpoint; ones where it has no weight.
 *
 * @param name Full name without `.weight`.
 * @param owned Takes the views.
 * @throws {SalientError} `input` if a tensor is missing or of another shape.
 */
export function loadNorm(
  checkpoint: Checkpoint,
  ops: Pick<Ops, "upload">,
  spec: NormSpec,
  name: string,
  owned: DisposableStack,
): BlockNorm {
  checkNorm(checkpoint, spec, name);
  if (spec.plain === true) {
    const ones = new Float32Array(spec.shape.reduce((a, b) => a * b, 1)).fill(1);
    return { name, spec, weight: owned.use(ops.upload(ones, "F32", spec.shape)) };
  }
  const weight = owned.use(checkpoint.tensor(`${name}.weight`));
  if (spec.bias !== true) return { name, spec, weight };
  return { name, spec, weight, bias: owned.use(checkpoint.tensor(`${name}.bias`)) };
}

/** Makes sure that a norm's tensors are there. */
export function checkNorm(checkpoint: Checkpoint, spec: NormSpec, name: string): void {
  if (spec.plain === true) return;
  checkTensor(checkpoint, `${name}.weight`, spec.shape);
  if (spec.bias === true) checkTensor(checkpoint, `${name}.bias`, spec.shape);
}
