/**
 * ggml's blocks of 32 values; d and m are fp16. Sixteen bytes hold value j in the low and j + 16 in the high half of byte
 * j, and a fifth bit of value j is bit j of a word h:
 *
 * | type | block | value |
 * |---|---|---|
 * | Q4_0 | d, 16 bytes | `(q - 8) d` |
 * | Q4_1 | d, m, 16 bytes | `q d + m` |
 * | Q5_0 | d, h, 16 bytes | `(q - 16) d` |
 * | Q5_1 | d, m, h, 16 bytes | `q d + m` |
 * | Q8_0 | d, 32 signed bytes | `q d` |
 * | IQ4_NL | d, 16 bytes | `d` times entry q of a table |
 *
 * A product of an fp16 number and few bits is exact in fp32, so that the one rounding is that of the sum, as in ggml.
 *
 * @module
 */

import type { BlockReader } from "./dequantize_blocks.ts";

/** The 16 values of a non-linear 4-bit integer (llama.cpp). */
export const NONLINEAR_VALUES: readonly number[] = [
  -127,
  -104,
  -83,
  -65,
  -49,
  -35,
  -22,
  -10,
  1,
  13,
  25,
  38,
  53,
  69,
  89,
  113,
];

/** Readers of these blocks by name. */
export const SMALL_BLOCKS: Readonly<
  Record<"Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q8_0" | "IQ4_NL", BlockReader>
> = {
  Q4_0: (bytes, view, values) => {
    for (let at = 0, target = 0; at < bytes.length; at += 18, target += 32) {
      const d = view.getFloat16(at, true);
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 2 + j]!;
        values[target + j] = ((byte & 15) - 8) * d;
        values[target + j + 16] = ((byte >> 4) - 8) * d;
      }
    }
  },
  Q4_1: (bytes, view, values) => {
    for (let at = 0, target = 0; at < bytes.length; at += 20, target += 32) {
      const d = view.getFloat16(at, true);
      const m = view.getFloat16(at + 2, true);
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 4 + j]!;
        values[target + j] = (byte & 15) * d + m;
        values[target + j + 16] = (byte >> 4) * d + m;
      }
    }
  },
  Q5_0: (bytes, view, values) => {
    for (let at = 0, target = 0; at < bytes.length; at += 22, target += 32) {
      const d = view.getFloat16(at, true);
      const high = view.getUint32(at + 2, true);
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 6 + j]!;
        values[target + j] = ((byte & 15 | (high >>> j & 1) << 4) - 16) * d;
        values[target + j + 16] = ((byte >> 4 | (high >>> (j + 16) & 1) << 4) - 16) * d;
      }
    }
  },
  Q5_1: (bytes, view, values) => {
    for (let at = 0, target = 0; at < bytes.length; at += 24, target += 32) {
      const d = view.getFloat16(at, true);
      const m = view.getFloat16(at + 2, true);
      const high = view.getUint32(at + 4, true);
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 8 + j]!;
        values[target + j] = (byte & 15 | (high >>> j & 1) << 4) * d + m;
        values[target + j + 16] = (byte >> 4 | (high >>> (j + 16) & 1) << 4) * d + m;
      }
    }
  },
  Q8_0: (bytes, view, values) => {
    const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0, target = 0; at < bytes.length; at += 34, target += 32) {
      const d = view.getFloat16(at, true);
      for (let j = 0; j < 32; j++) values[target + j] = signed[at + 2 + j]! * d;
    }
  },
  IQ4_NL: (bytes, view, values) => {
    for (let at = 0, target = 0; at < bytes.length; at += 18, target += 32) {
      const d = view.getFloat16(at, true);
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 2 + j]!;
        values[target + j] = d * NONLINEAR_VALUES[byte & 15]!;
        values[target + j + 16] = d * NONLINEAR_VALUES[byte >> 4]!;
      }
    }
  },
};
