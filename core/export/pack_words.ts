/**
 * Integers packed densely into 32-bit words.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { joinedRows } from "./joined_rows.ts";
import { NATURAL_LAYOUT } from "./natural_layout.ts";
import { rowBytes } from "./row_bytes.ts";

/**
 * Packs integers of `bits` bits along rows, in natural order: value i of a row takes bits `i * bits` on of the row,
 * which is read as one long number, low end first. Values may straddle two words; the last word of a row is
 * filled up with zeros. For 4 bits the values 0 to 7 are the word 0x76543210.
 *
 * @param codes U8 [R, C], each below 2^bits.
 * @returns I32 [R, ceil(C * bits / 32)]. The caller disposes it.
 */
export async function packWords(codes: Tensor, bits: number, ops: Ops): Promise<Tensor> {
  const [rows = 0, columns = 0] = codes.shape;
  const words = Math.ceil(columns * bits / 32);
  if (bits === 4 && columns % 8 === 0) return await ops.packInt4(codes, NATURAL_LAYOUT);
  // Bytes lie in a word as they lie in memory.
  const isWhole = bits === 8 && columns % 4 === 0;
  return await joinedRows(packed(), "I32", [rows, words], ops);

  function* packed(): Generator<Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> {
    for (const values of rowBytes(ops, codes)) {
      if (isWhole) {
        yield values;
        continue;
      }
      const count = values.length / columns;
      const part = new Uint32Array(count * words);
      for (let row = 0; row < count; row++) {
        packRow(values, row * columns, columns, bits, part, row * words);
      }
      yield part;
    }
  }
}

function packRow(
  values: Uint8Array,
  start: number,
  count: number,
  bits: number,
  packed: Uint32Array,
  target: number,
): void {
  let word = 0;
  let filled = 0;
  for (let i = start; i < start + count; i++) {
    const value = values[i]!;
    word |= value << filled;
    filled += bits;
    if (filled < 32) continue;
    packed[target++] = word;
    filled -= 32;
    word = filled === 0 ? 0 : value >>> (bits - filled);
  }
  if (filled > 0) packed[target] = word;
}
