/**
 * A tensor's bytes, in pieces.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { rowPieces } from "./map_rows.ts";

/** The bytes of the tensor's rows in order, about 4 MiB at a time, so that it is never copied whole. */
export function* tensorBytes(ops: Ops, tensor: Tensor): Generator<Uint8Array<ArrayBuffer>> {
  if (tensor.shape.length === 0) {
    yield ops.downloadBytes(tensor);
    return;
  }
  for (const { start, count } of rowPieces(tensor)) {
    using part = ops.rows(tensor, start, count);
    yield ops.downloadBytes(part);
  }
}
