/**
 * The error of a linear whose activations are quantized too, for the report.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import { discard } from "../discard.ts";
import type { ActivationFormat, LinearView } from "../plugin.ts";

/** Rows of the sample that are looked at, and of them at a time. */
const ROWS = 512;
const PIECE = 64;

/**
 * ||Q(X) Q^T - X W^T||^2 / ||X W^T||^2 as the linear is after the folds, on evenly spread rows of the sampled
 * inputs; null where none were sampled.
 */
export async function measureActivation(
  ops: Ops,
  linear: LinearView,
  quantized: QuantizedWeight,
  activation: ActivationFormat,
): Promise<number | null> {
  const { sample } = linear.statistics;
  if (sample === undefined) return null;
  const all = sample.shape[0] ?? 0;
  const rows = Math.min(all, ROWS);
  using packed = await ops.pack(quantized);
  let [loss, energy] = [0, 0];
  for (let start = 0; start < rows; start += PIECE) {
    const ids = Int32Array.from(
      { length: Math.min(PIECE, rows - start) },
      (_, i) => Math.floor((start + i) * all / rows),
    );
    using x = await ops.embed(sample, ids);
    using exact = await ops.linear(x, linear.weight);
    using rounded = await ops.linear(x, packed, { activation });
    const [wanted, found] = [ops.download(exact), ops.download(rounded)];
    for (let i = 0; i < wanted.length; i++) {
      energy += wanted[i]! ** 2;
      loss += (wanted[i]! - found[i]!) ** 2;
    }
    for (const values of [wanted, found]) discard(values);
  }
  return energy > 0 ? loss / energy : 0;
}
