/**
 * Signed and unsigned integers in bytes.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { joinedRows } from "./joined_rows.ts";
import { rowBytes } from "./row_bytes.ts";

/** A copy of a matrix of bytes with `shift` added to each, modulo 256. */
export async function shiftBytes(
  tensor: Tensor,
  shift: number,
  dtype: "I8" | "U8",
  ops: Ops,
): Promise<Tensor> {
  const [rows = 0, columns = 0] = tensor.shape;
  return await joinedRows(shifted(), dtype, [rows, columns], ops);

  function* shifted(): Generator<Uint8Array<ArrayBuffer>> {
    for (const bytes of rowBytes(ops, tensor)) yield bytes.map((byte) => byte + shift);
  }
}
