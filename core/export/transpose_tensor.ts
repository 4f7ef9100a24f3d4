/**
 * Transposes tensors.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { rowBytes } from "./row_bytes.ts";
import { transposeInto } from "./transpose.ts";

const WORDS = {
  U8: Uint8Array,
  F8_E4M3: Uint8Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Uint32Array,
  F32: Uint32Array,
  F64: BigUint64Array,
} as const;

/**
 * An I32, U8 or floating point matrix [R, C] as a new one [C, R]. The original is read a few rows at a time, and the
 * transposed words are given up as soon as the new tensor has them. The caller disposes it.
 */
export function transposeTensor(tensor: Tensor, ops: Ops): Tensor {
  const { dtype } = tensor;
  const [rows = 0, columns = 0] = tensor.shape;
  if (!Object.hasOwn(WORDS, dtype)) {
    throw new SalientError("failed", `A matrix of ${dtype} is not transposed`);
  }
  const Words = WORDS[dtype as keyof typeof WORDS];
  const turned = new Words(rows * columns);
  let row = 0;
  for (const bytes of rowBytes(ops, tensor)) {
    const part = new Words(bytes.buffer);
    transposeInto(turned, part, { rows, columns, row });
    row += part.length / columns;
  }
  const result = ops.upload(turned, dtype, [columns, rows]);
  discard(turned);
  return result;
}
