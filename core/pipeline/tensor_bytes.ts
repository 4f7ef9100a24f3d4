/**
 * A tensor's bytes, in pieces.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { discard } from "../discard.ts";
import { rowPieces } from "./map_rows.ts";

/** Bytes of a piece, about. */
export const TENSOR_PIECE = 1 << 20;

/**
 * The bytes of the tensor's rows in order, about 1 MiB at a time, so that it is never copied whole.
 * A piece is valid until the next one is asked for.
 */
export function* tensorBytes(ops: Ops, tensor: Tensor): Generator<Uint8Array<ArrayBuffer>> {
  if (tensor.shape.length === 0) {
    yield ops.downloadBytes(tensor);
    return;
  }
  for (const { start, count } of rowPieces(tensor, TENSOR_PIECE)) {
    using part = ops.rows(tensor, start, count);
    const bytes = ops.downloadBytes(part);
    try {
      yield bytes;
    } finally {
      discard(bytes);
    }
  }
}
