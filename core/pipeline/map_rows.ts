/**
 * Changing a tensor in place, some rows at a time.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { DTYPE_BYTES, type Tensor } from "../tensor.ts";

/** Bytes worked on at a time: small against a layer, large against a call. */
const PIECE = 4 << 20;

/** Pieces of a tensor's rows, about `bytes` each and at least a row. */
export function* rowPieces(
  tensor: Pick<Tensor, "shape" | "size" | "dtype">,
  bytes: number,
): Generator<{ start: number; count: number }> {
  const rows = tensor.shape[0] ?? 1;
  const width = tensor.size / Math.max(1, rows) * DTYPE_BYTES[tensor.dtype];
  const step = Math.max(1, Math.floor(bytes / Math.max(1, width)));
  for (let start = 0; start < rows; start += step) {
    yield { start, count: Math.min(step, rows - start) };
  }
}

/** Replaces the rows of `tensor` by what `change` makes of them (same type and shape, newly made). */
export async function mapRows(
  ops: Ops,
  tensor: Tensor,
  change: (part: Tensor, start: number, count: number) => Promise<Tensor>,
): Promise<void> {
  for (const { start, count } of rowPieces(tensor, PIECE)) {
    using part = ops.rows(tensor, start, count);
    using changed = await change(part, start, count);
    await ops.copyRows(changed, tensor, start);
  }
}
