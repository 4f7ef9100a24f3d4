/**
 * Integers packed as planes of bits, as GPTQModel's layout `gptq_p` has them.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { bitPlanes } from "./bit_planes.ts";
import { packWords } from "./pack_words.ts";

/**
 * Packs rows of integers, 32 at a time into `bits` words: first their lowest 4 bits (of 2 and 3 bits the lowest 2; of 8 all), eight
 * to a word, then the next 2 and the last one. Nothing straddles two words. For 2, 4 and 8 bits this is what {@linkcode packWords}
 * gives.
 *
 * @param codes U8 [R, C], each below 2^bits; C is a multiple of 32.
 * @returns I32 [R, C * bits / 32]. The caller disposes it.
 */
export async function packPlanes(codes: Tensor, bits: number, ops: Ops): Promise<Tensor> {
  const planes = bitPlanes(bits);
  if (planes.length === 1) return await packWords(codes, bits, ops);
  const [rows = 0, columns = 0] = codes.shape;
  const values = ops.downloadBytes(codes);
  const packed = new Uint32Array(rows * columns * bits / 32);
  for (let start = 0, target = 0; start < values.length; start += 32, target += bits) {
    let word = target;
    for (const { width, shift } of planes) {
      const mask = 2 ** width - 1;
      for (let i = 0; i < 32; i++) {
        packed[word + Math.floor(i * width / 32)]! |= (values[start + i]! >> shift & mask) <<
          (i * width % 32);
      }
      word += width;
    }
  }
  return ops.upload(packed, "I32", [rows, columns * bits / 32]);
}
