/**
 * Integers in another order of inputs.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";

/** U8 [N, K] as a new matrix whose column j is column `columns[j]`. The caller disposes it. */
export function selectCodes(codes: Tensor, columns: Int32Array, ops: Ops): Tensor {
  const [rows = 0, width = 0] = codes.shape;
  const bytes = ops.downloadBytes(codes);
  const selected = new Uint8Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    for (let j = 0; j < width; j++) selected[start + j] = bytes[start + columns[j]!]!;
  }
  return ops.upload(selected, "U8", [rows, width]);
}
