/**
 * The inverse of packing integers into words.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { joinedRows } from "./joined_rows.ts";
import { NATURAL_LAYOUT } from "./natural_layout.ts";
import { rowBytes } from "./row_bytes.ts";

/**
 * Integers out of words that `packWords` made; what fills up the last word of a row is not looked at.
 *
 * @param words I32 [R, ceil(columns * bits / 32)].
 * @param columns Values of a row.
 * @returns U8 [R, columns]. The caller disposes it.
 */
export async function unpackWords(
  words: Tensor,
  columns: number,
  bits: number,
  ops: Ops,
): Promise<Tensor> {
  const [rows = 0, width = 0] = words.shape;
  if (bits === 4 && columns === width * 8) return await ops.unpackInt4(words, NATURAL_LAYOUT);
  const isWhole = bits === 8 && columns === width * 4;
  return await joinedRows(unpacked(), "U8", [rows, columns], ops);

  function* unpacked(): Generator<Uint8Array<ArrayBuffer>> {
    for (const bytes of rowBytes(ops, words)) {
      yield isWhole ? bytes : unpackRows(new Uint32Array(bytes.buffer), width, columns, bits);
    }
  }
}

function unpackRows(
  packed: Uint32Array,
  width: number,
  columns: number,
  bits: number,
): Uint8Array<ArrayBuffer> {
  const rows = packed.length / width;
  const values = new Uint8Array(rows * columns);
  const mask = 2 ** bits - 1;
  for (let row = 0; row < rows; row++) {
    let word = row * width;
    let shift = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      let value = packed[word]! >>> shift;
      shift += bits;
      if (shift >= 32) {
        word++;
        shift -= 32;
        if (shift > 0) value |= packed[word]! << (bits - shift);
      }
      values[i] = value & mask;
    }
  }
  return values;
}
