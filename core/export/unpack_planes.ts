/**
 * The inverse of packing integers as planes of bits.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { bitPlanes } from "./bit_planes.ts";
import { unpackWords } from "./unpack_words.ts";

/**
 * Integers out of words that `packPlanes` made.
 *
 * @param words I32 [R, columns * bits / 32].
 * @param columns Values of a row; a multiple of 32.
 * @returns U8 [R, columns]. The caller disposes it.
 */
export async function unpackPlanes(
  words: Tensor,
  columns: number,
  bits: number,
  ops: Ops,
): Promise<Tensor> {
  const planes = bitPlanes(bits);
  if (planes.length === 1) return await unpackWords(words, columns, bits, ops);
  const [rows = 0] = words.shape;
  const packed = new Uint32Array(ops.downloadBytes(words).buffer);
  const values = new Uint8Array(rows * columns);
  for (let start = 0, source = 0; start < values.length; start += 32, source += bits) {
    let word = source;
    for (const { width, shift } of planes) {
      const mask = 2 ** width - 1;
      for (let i = 0; i < 32; i++) {
        const part = packed[word + Math.floor(i * width / 32)]! >>> (i * width % 32) & mask;
        values[start + i]! |= part << shift;
      }
      word += width;
    }
  }
  return ops.upload(values, "U8", [rows, columns]);
}
