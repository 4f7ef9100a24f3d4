/**
 * The squared error of a linear's output, from what is known of its inputs.
 *
 * @module
 */

import type { AffineGrid } from "../../core/backend.ts";
import { fakeQuantize } from "./quantize.ts";
import { rowProducts } from "./row_products.ts";

/** An input moment in plain arrays: the Gram [K, K], or input rows [rows, K] and a factor. */
export interface PlainMoment {
  /** Whether `data` holds input rows. */
  readonly tokens: boolean;
  /** The Gram or the rows. */
  readonly data: Float32Array;
  /** Rows of `data`. */
  readonly rows: number;
  /** Multiplies the squares of the rows' products; 1 for a Gram. */
  readonly weight: number;
}

/** ||X d^T||^2 summed over the rows of `d` [N, K], in fp64. */
export function squaredOutput(d: Float32Array, K: number, moment: PlainMoment): number {
  const row = new Float64Array(K);
  const products = new Float64Array(moment.rows);
  let total = 0;
  for (let start = 0; start < d.length; start += K) {
    for (let k = 0; k < K; k++) row[k] = d[start + k]!;
    rowProducts(moment.data, moment.rows, row, products);
    let sum = 0;
    for (let i = 0; i < moment.rows; i++) {
      sum += products[i]! * (moment.tokens ? products[i]! : row[i]!);
    }
    total += sum;
  }
  return total * moment.weight;
}

/** For each row s of `candidates` [C, K] the squared output of w - Q(w * s) / s. */
export function scaleLosses(
  w: Float32Array,
  K: number,
  moment: PlainMoment,
  grid: AffineGrid,
  candidates: Float32Array,
): Float64Array {
  const losses = new Float64Array(candidates.length / K);
  const difference = new Float32Array(w.length);
  for (let c = 0; c < losses.length; c++) {
    fakeQuantize(w, K, grid, candidates.subarray(c * K, (c + 1) * K), difference);
    subtractFrom(w, difference);
    losses[c] = squaredOutput(difference, K, moment);
  }
  return losses;
}

/** approximation = w - approximation, in place. */
export function subtractFrom(w: Float32Array, approximation: Float32Array): void {
  for (let i = 0; i < w.length; i++) approximation[i] = w[i]! - approximation[i]!;
}
