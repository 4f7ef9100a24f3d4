/**
 * Tensors made a few rows at a time.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { discard } from "../discard.ts";
import { type DType, DTYPE_BYTES, type Tensor } from "../tensor.ts";

/**
 * A new matrix [rows, columns] of pieces that are whole rows in order. Each piece is given up as it is taken, so that the
 * matrix is not there twice. The caller disposes it.
 */
export async function joinedRows(
  pieces: Iterable<ArrayBufferView<ArrayBuffer>>,
  dtype: DType,
  shape: readonly [number, number],
  ops: Ops,
): Promise<Tensor> {
  using stack = new DisposableStack();
  const whole = stack.use(ops.zeros(dtype, shape));
  const width = shape[1] * DTYPE_BYTES[dtype];
  let row = 0;
  for (const piece of pieces) {
    const count = piece.byteLength / width;
    {
      using part = ops.upload(piece, dtype, [count, shape[1]]);
      await ops.copyRows(part, whole, row);
    }
    discard(piece);
    row += count;
  }
  stack.move();
  return whole;
}
