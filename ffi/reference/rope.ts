/**
 * Rotary position embedding, by halves (as Hugging Face lays most heads out) or by neighbours.
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
  // From a pair to the next, and from its first channel to its second.
  const [step, apart] = shape.interleaved === true ? [2, 1] : [1, half];
  const length = T / sequences;
  for (let t = 0; t < T; t++) {
    const angles = (start + t % length) * R;
    for (let h = 0; h < heads; h++) {
      const head = (t * heads + h) * headDim;
      for (let i = 0; i < half; i++) {
        const cos = table[angles + i]!;
        const sin = table[angles + half + i]!;
        const first = head + i * step;
        const a = x[first]!;
        const b = x[first + apart]!;
        x[first] = a * cos - b * sin;
        x[first + apart] = b * cos + a * sin;
      }
    }
  }
}
