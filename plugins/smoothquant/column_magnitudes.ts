/**
 * The largest weight of each input.
 *
 * @module
 */

import type { Ops, Tensor } from "../../core/plugin.ts";

/** Rows that are widened at a time. */
const ROWS = 512;

/** Largest |w| of each column over all the weights [N, K]: [K]. */
export async function columnMagnitudes(
  ops: Ops,
  weights: readonly Tensor[],
  channels: number,
): Promise<Float32Array> {
  using sum = ops.zeros("F64", [channels]);
  using largest = ops.zeros("F32", [channels]);
  for (const weight of weights) {
    const outputs = weight.shape[0] ?? 0;
    for (let start = 0; start < outputs; start += ROWS) {
      using part = ops.rows(weight, start, Math.min(ROWS, outputs - start));
      using wide = await ops.cast(part, "F32");
      await ops.accumulateAbs(wide, sum, largest);
    }
  }
  return ops.download(largest);
}
