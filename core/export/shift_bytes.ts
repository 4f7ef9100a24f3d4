/**
 * Signed and unsigned integers in bytes.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { rowBytes } from "./row_bytes.ts";

/** A copy of a tensor of bytes with `shift` added to each, modulo 256. */
export function shiftBytes(tensor: Tensor, shift: number, dtype: "I8" | "U8", ops: Ops): Tensor {
  const shifted = new Uint8Array(tensor.size);
  let at = 0;
  for (const bytes of rowBytes(ops, tensor)) {
    for (let i = 0; i < bytes.length; i++) shifted[at + i] = bytes[i]! + shift;
    at += bytes.length;
  }
  return ops.upload(shifted, dtype, tensor.shape);
}
