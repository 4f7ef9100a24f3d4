/**
 * How many bytes a tensor takes.
 *
 * @module
 */

import { type DType, DTYPE_BYTES } from "../tensor.ts";

/**
 * Bytes of a tensor, or undefined where the sizes are not whole numbers from 0 up or their product is
 * more than a number can count exactly (2^53).
 */
export function byteLengthOf(dtype: DType, shape: readonly number[]): number | undefined {
  let bytes = DTYPE_BYTES[dtype];
  for (const length of shape) {
    if (!Number.isSafeInteger(length) || length < 0) return undefined;
    bytes *= length;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}
