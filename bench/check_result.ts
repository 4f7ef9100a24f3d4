/**
 * Whether a contestant computed what it was asked to.
 *
 * @module
 */

import type { Work } from "./work.ts";

/** Rows of the weight, and tokens, whose products are computed again. */
export const CHECKED = { rows: 48, tokens: 4 } as const;

/** Largest relative error that counts as the same work: inputs rounded to 8 bits give some 0.7 %. */
export const TOLERANCE = 0.02;

/**
 * ||y - y'|| / ||y'|| over some tokens and rows, y' by fp64 arithmetic.
 *
 * @param x [T, K].
 * @param y [T, N], or [K, K] for a Gram matrix.
 * @param rows The first rows [n, K] of the weight as the contestant used it; unused for a Gram matrix.
 */
export function relativeError(
  work: Work,
  x: Float32Array,
  y: Float32Array,
  rows: Float32Array,
): number {
  const { T, K } = work;
  const outputs = work.kind === "gram" ? K : work.N;
  if (y.length !== outputs * (work.kind === "gram" ? K : T)) return NaN;
  let error = 0;
  let energy = 0;
  const compare = (expected: number, got: number): void => {
    error += (got - expected) ** 2;
    energy += expected ** 2;
  };
  if (work.kind === "gram") {
    for (let i = 0; i < CHECKED.tokens; i++) {
      for (let n = 0; n < Math.min(CHECKED.rows, K); n++) {
        const row = Math.floor((K - 1) * i / CHECKED.tokens);
        let sum = 0;
        for (let t = 0; t < T; t++) sum += x[t * K + row]! * x[t * K + n]!;
        compare(sum, y[row * K + n]!);
      }
    }
    return Math.sqrt(error / energy);
  }
  for (let t = 0; t < Math.min(CHECKED.tokens, T); t++) {
    for (let n = 0; n < rows.length / K; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[t * K + k]! * rows[n * K + k]!;
      compare(sum, y[t * outputs + n]!);
    }
  }
  return Math.sqrt(error / energy);
}
