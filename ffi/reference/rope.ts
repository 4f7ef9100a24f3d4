/**
 * Rotary position embedding, by halves (as Hugging Face lays heads out).
 *
 * @module
 */

import type { RopeShape } from "../../core/backend.ts";

/** Rotates x [T, heads * headDim] in place by the rows of `table` [positions, R]. */
export function rope(
  x: Float32Array,
  table: Float32Array,
  shape: RopeShape,
  size: { T: number; R: number },
): void {
  const { heads, headDim, sequences, start } = shape;
  const { T, R } = size;
  const half = R / 2;
  const length = T / sequences;
  for (let t = 0; t < T; t++) {
    const angles = (start + t % length) * R;
    for (let h = 0; h < heads; h++) {
      const head = (t * heads + h) * headDim;
      for (let i = 0; i < half; i++) {
        const cos = table[angles + i]!;
        const sin = table[angles + half + i]!;
        const a = x[head + i]!;
        const b = x[head + half + i]!;
        x[head + i] = a * cos - b * sin;
        x[head + half + i] = b * cos + a * sin;
      }
    }
  }
}
