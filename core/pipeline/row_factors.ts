/**
 * Factors of a linear's outputs.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { DType, Tensor } from "../tensor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import { divideStored } from "./fold_factors.ts";
import type { FoldableSet } from "./scale_sets.ts";

/** What the outputs of a linear are divided by. */
export interface RowFactors {
  /** [N], 1 for outputs that nobody in the set reads. */
  readonly rows: Float32Array;
  /** [K] the same for the inputs that come from them. */
  readonly ratios: Float32Array;
  /** The divided bias F32, rounded as it is stored, where there is one. The caller disposes it. */
  readonly bias: Tensor | undefined;
}

/**
 * Spreads a set's factors over the outputs of its source. A bias is stored rounded: its exact ratio, which the rows can
 * take, becomes the factor.
 *
 * @param factors [K], checked.
 * @param stored Type of the bias in the checkpoint.
 */
export async function rowFactors(
  ops: Ops,
  { info, bias }: EditedLinear,
  { set, outputs }: FoldableSet,
  factors: Float32Array,
  stored: DType,
): Promise<RowFactors> {
  const outputOf = set.channelOf.map((free) => outputs[free] ?? 0);
  const wanted = new Float32Array(info.shape[0]).fill(1);
  outputOf.forEach((row, k) => wanted[row] = factors[k] ?? 1);
  const spread = (rows: Float32Array): Float32Array => {
    return Float32Array.from(outputOf, (row) => rows[row] ?? 1);
  };
  if (bias === undefined) return { rows: wanted, ratios: spread(wanted), bias: undefined };
  const values = ops.download(bias);
  const divided = await divideStored(ops, values, wanted, stored, 0, (factor) => factor);
  using rounded = divided.values;
  const rows = divided.ratios;
  return { rows, ratios: spread(rows), bias: await ops.cast(rounded, "F32") };
}
