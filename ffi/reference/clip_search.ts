/**
 * AWQ's clip search (Lin et al., MLSys 2024, as published), on the Gram's diagonal blocks.
 *
 * @module
 */

import type { AffineGrid } from "../../core/backend.ts";
import { GroupRounder } from "./group_rounder.ts";
import type { PlainMoment } from "./losses.ts";
import { clamp } from "./quantize.ts";
import { rowProducts } from "./row_products.ts";

/**
 * Writes the best bound of each row and group of w [N, K] to `bounds` [N, G] and returns how many are
 * below the group's largest weight. The first of equal errors wins, and no clipping is tried first.
 */
export function clipSearch(
  w: Float32Array,
  size: { N: number; K: number },
  moment: PlainMoment,
  grid: AffineGrid,
  options: { steps: number; maxShrink: number },
  bounds: Float32Array,
): number {
  const { N, K } = size;
  const { groupSize } = grid;
  const groups = K / groupSize;
  const rounder = new GroupRounder(grid);
  const clamped = new Float32Array(groupSize);
  const difference = new Float64Array(groupSize);
  const maxShrink = Math.fround(options.maxShrink);
  let clipped = 0;
  for (let group = 0; group < groups; group++) {
    const part = momentOfGroup(moment, K, group * groupSize, groupSize);
    const products = new Float64Array(part.rows);
    for (let n = 0; n < N; n++) {
      const start = n * K + group * groupSize;
      let largest = 0;
      for (let i = 0; i < groupSize; i++) largest = Math.max(largest, Math.abs(w[start + i]!));
      let best = largest;
      let leastError = Infinity;
      for (let step = 0; step < options.steps; step++) {
        const bound = Math.fround(largest * Math.fround(1 - step * maxShrink / options.steps));
        for (let i = 0; i < groupSize; i++) clamped[i] = clamp(w[start + i]!, bound);
        rounder.fit(clamped, 0, groupSize);
        for (let i = 0; i < groupSize; i++) {
          const value = rounder.value(rounder.code(clamped[i]!));
          difference[i] = Math.fround(w[start + i]! - value);
        }
        rowProducts(part.data, part.rows, difference, products);
        let error = 0;
        for (let i = 0; i < part.rows; i++) {
          error += products[i]! * (part.tokens ? products[i]! : difference[i]!);
        }
        if (error < leastError) {
          leastError = error;
          best = bound;
        }
      }
      bounds[n * groups + group] = best;
      if (best < largest) clipped++;
    }
  }
  return clipped;
}

/** The diagonal block of the Gram, or the columns of the sample, that belong to one group. */
export function momentOfGroup(
  moment: PlainMoment,
  K: number,
  start: number,
  groupSize: number,
): PlainMoment {
  const firstRow = moment.tokens ? 0 : start;
  const rows = moment.tokens ? moment.rows : groupSize;
  const data = new Float32Array(rows * groupSize);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < groupSize; i++) {
      data[row * groupSize + i] = moment.data[(firstRow + row) * K + start + i]!;
    }
  }
  return { ...moment, data, rows };
}
