/**
 * What is counted over inputs and weights.
 *
 * @module
 */

import type { TensorSummary } from "../../core/backend.ts";

/** sum[k] += |x|, max[k] = max(max[k], |x|) over the rows of x [T, K]. A NaN stays in both. */
export function accumulateAbs(x: Float32Array, sum: Float64Array, max: Float32Array): void {
  const K = sum.length;
  for (let i = 0, k = 0; i < x.length; i++) {
    const value = Math.abs(x[i]!);
    sum[k]! += value;
    max[k] = Math.max(max[k]!, value);
    if (++k === K) k = 0;
  }
}

/** Counts what makes a weight unusable, over rows of `columns` elements. */
export function summarize(values: Float32Array, columns: number): TensorSummary {
  const used = new Uint8Array(columns);
  let nonFinite = 0;
  let absMax = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== 0) used[i % columns] = 1;
    if (Number.isFinite(value)) absMax = Math.max(absMax, Math.abs(value));
    else nonFinite++;
  }
  const zeroColumns = used.reduce((count, flag) => count - flag, columns);
  return { nonFinite, absMax, zeroColumns };
}

/** Means over the rows of w [N, K] of |w| / (largest |w| of the group + 1e-6): [K]. */
export function relativeMagnitude(
  w: Float32Array,
  N: number,
  K: number,
  groupSize: number,
): Float32Array {
  const sums = new Float64Array(K);
  for (let n = 0; n < N; n++) {
    for (let start = 0; start < K; start += groupSize) {
      let largest = 0;
      for (let i = 0; i < groupSize; i++) {
        largest = Math.max(largest, Math.abs(w[n * K + start + i]!));
      }
      const divisor = Math.fround(largest + Math.fround(1e-6));
      for (let i = 0; i < groupSize; i++) {
        const k = start + i;
        sums[k]! += Math.fround(Math.abs(w[n * K + k]!) / divisor);
      }
    }
  }
  return Float32Array.from(sums, (sum) => sum / N);
}
