/**
 * Divides norms by factors without changing what follows from them.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { BlockNorm } from "../model/model.ts";
import type { DType, Tensor } from "../tensor.ts";
import { castable, divideStored } from "./fold_factors.ts";

/** A norm that was divided. */
export interface DividedNorm {
  /** The new weight, in the stored type. */
  readonly weight: Tensor;
  /** The new bias, where there was one. */
  readonly bias: Tensor | undefined;
  /** Old weight / new weight, exactly what the linears have to make up for. */
  readonly ratios: Float32Array;
}

/** Steps of the stored type on either side of the wanted weight that are tried. */
const NEIGHBOURS = 6;

/**
 * Divides a norm's weight, and its bias by the same: both are rounded to the stored type. The weight's ratio is exact
 * whatever it is rounded to; that of the bias is not, so of the weights next to the wanted one that is taken which
 * leaves the bias the least error.
 */
export async function divideNorm(
  ops: Ops,
  norm: BlockNorm,
  factors: Float32Array,
  stored: DType,
): Promise<DividedNorm> {
  const offset = norm.spec.offset ?? 0;
  const values = ops.download(norm.weight);
  if (norm.bias === undefined) {
    const divided = await divideStored(ops, values, factors, stored, offset, () => 1);
    return { weight: divided.values, bias: undefined, ratios: divided.ratios };
  }
  const biases = ops.download(norm.bias);
  const chosen = factors.slice();
  const least = new Float64Array(values.length).fill(Infinity);
  for (let step = -NEIGHBOURS; step <= NEIGHBOURS; step++) {
    const tried = factors.map((factor) => factor * (1 + step * stepOf(stored)));
    using rounded = (await divideStored(ops, values, tried, stored, offset, () => 1)).values;
    const weights = ops.download(rounded);
    const quotients = biases.map((bias, k) => {
      return bias * (((weights[k] ?? 0) + offset) / ((values[k] ?? 0) + offset) || 1);
    });
    const kept = await roundTrip(ops, quotients, stored);
    for (const [k, quotient] of quotients.entries()) {
      const error = Math.abs((kept[k] ?? 0) - quotient) + Math.abs(step) * 1e-12;
      if (error >= (least[k] ?? 0)) continue;
      least[k] = error;
      chosen[k] = tried[k] ?? 1;
    }
  }
  const divided = await divideStored(ops, values, chosen, stored, offset, () => 1);
  const quotients = biases.map((bias, k) => bias / (divided.ratios[k] ?? 1));
  using full = ops.upload(quotients, "F32", norm.bias.shape);
  const bias = await ops.cast(full, castable(stored));
  return { weight: divided.values, bias, ratios: divided.ratios };
}

/** Relative distance of neighbouring numbers of a type. */
function stepOf(stored: DType): number {
  return stored === "BF16" ? 2 ** -8 : stored === "F16" ? 2 ** -11 : 2 ** -24;
}

async function roundTrip(ops: Ops, values: Float32Array, stored: DType): Promise<Float32Array> {
  using full = ops.upload(values, "F32", [values.length]);
  using rounded = await ops.cast(full, castable(stored));
  return ops.download(rounded);
}
