/**
 * A tensor's bytes, a few rows at a time.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { discard } from "../discard.ts";
import type { Tensor } from "../tensor.ts";

const PIECE = 1 << 20;

/**
 * The bytes of a matrix [rows, columns] in order, about 1 MiB at a time. A piece is valid until the next one
 * is asked for.
 */
export function* rowBytes(ops: Ops, tensor: Tensor): Generator<Uint8Array<ArrayBuffer>> {
  const rows = tensor.shape[0] ?? 0;
  const width = Math.max(1, tensor.byteLength / Math.max(1, rows));
  const step = Math.max(1, Math.floor(PIECE / width));
  for (let start = 0; start < rows; start += step) {
    using part = ops.rows(tensor, start, Math.min(step, rows - start));
    const bytes = ops.downloadBytes(part);
    try {
      yield bytes;
    } finally {
      discard(bytes);
    }
  }
}
