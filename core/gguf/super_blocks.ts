/**
 * ggml's blocks of 256 values, in parts with small integers s (and t) for scales (and minima); d and e are fp16:
 *
 * | type | block | parts | value |
 * |---|---|---|---|
 * | Q2_K | 16 bytes (s low, t high), 64 bytes of q, d, e | 16 of 16 | `(d s) q - (e t)` |
 * | Q3_K | 32 bytes of top bits, 64 bytes of q, 12 bytes of 6-bit s, d | 16 of 16 | `(d (s - 32)) (q - 4)` |
 * | Q4_K | d, e, 12 bytes of 6-bit s and t, 128 bytes of q | 8 of 32 | `(d s) q - (e t)` |
 * | Q5_K | d, e, 12 bytes of 6-bit s and t, 32 bytes of top bits, 128 bytes of q | 8 of 32 | `(d s) q - (e t)` |
 * | Q6_K | 128 bytes of low halves, 64 bytes of top bits, 16 signed s, d | 16 of 16 | `(d s) (q - 32)` |
 * | IQ4_XS | d, 2 bytes of the top and 4 of the low bits of s, 128 bytes of q | 8 of 32 | `(d (s - 32))` times entry q of a table |
 *
 * `d s`, `e t` and their products with q are exact in fp32 or in the doubles computed with here, so that there is one
 * rounding for each value, as in ggml.
 *
 * @module
 */

import type { BlockReader } from "./dequantize_blocks.ts";
import { sixBits } from "./six_bits.ts";
import { NONLINEAR_VALUES } from "./small_blocks.ts";

/** Readers of these blocks by name. */
export const SUPER_BLOCKS: Readonly<
  Record<"Q2_K" | "Q3_K" | "Q4_K" | "Q5_K" | "Q6_K" | "IQ4_XS", BlockReader>
> = {
  Q2_K: readQ2_K,
  Q3_K: readQ3_K,
  Q4_K: readQ4_K,
  Q5_K: readQ5_K,
  Q6_K: readQ6_K,
  IQ4_XS: readIQ4_XS,
};

/** Two bits at a time: 128 values lie in 32 bytes, four of them, 32 apart, in each. */
function readQ2_K(
  bytes: Uint8Array,
  view: DataView,
  values: Float32Array,
): void {
  for (let at = 0, target = 0; at < bytes.length; at += 84, target += 256) {
    const d = view.getFloat16(at + 80, true);
    const e = view.getFloat16(at + 82, true);
    for (let part = 0; part < 16; part++) {
      const scale = d * (bytes[at + part]! & 15);
      const minimum = e * (bytes[at + part]! >> 4);
      const codes = at + 16 + (part >> 3) * 32 + (part & 1) * 16;
      const shift = (part >> 1 & 3) * 2;
      for (let j = 0; j < 16; j++) {
        values[target + part * 16 + j] = scale * (bytes[codes + j]! >> shift & 3) - minimum;
      }
    }
  }
}

/** As Q2_K; the third bit of the 32 values n * 32 on is bit n of 32 bytes. */
function readQ3_K(
  bytes: Uint8Array,
  view: DataView,
  values: Float32Array,
): void {
  for (let at = 0, target = 0; at < bytes.length; at += 110, target += 256) {
    const d = view.getFloat16(at + 108, true);
    for (let part = 0; part < 16; part++) {
      const low = bytes[at + 96 + (part & 7)]! >> (part >> 3) * 4 & 15;
      const high = bytes[at + 104 + (part & 3)]! >> (part >> 2) * 2 & 3;
      const scale = d * ((low | high << 4) - 32);
      const top = at + (part & 1) * 16;
      const codes = at + 32 + (part >> 3) * 32 + (part & 1) * 16;
      const shift = (part >> 1 & 3) * 2;
      for (let j = 0; j < 16; j++) {
        const q = bytes[codes + j]! >> shift & 3 | (bytes[top + j]! >> (part >> 1) & 1) << 2;
        values[target + part * 16 + j] = scale * (q - 4);
      }
    }
  }
}

/** 64 values in 32 bytes: the first 32 in the low halves. */
function readQ4_K(
  bytes: Uint8Array,
  view: DataView,
  values: Float32Array,
): void {
  for (let at = 0, target = 0; at < bytes.length; at += 144, target += 256) {
    const d = view.getFloat16(at, true);
    const e = view.getFloat16(at + 2, true);
    for (let part = 0; part < 8; part++) {
      const scale = d * sixBits(bytes, at + 4, part, 0);
      const minimum = e * sixBits(bytes, at + 4, part, 4);
      const codes = at + 16 + (part >> 1) * 32;
      const shift = (part & 1) * 4;
      for (let j = 0; j < 32; j++) {
        values[target + part * 32 + j] = scale * (bytes[codes + j]! >> shift & 15) - minimum;
      }
    }
  }
}

/** As Q4_K; the fifth bit of part n is bit n of 32 bytes. */
function readQ5_K(
  bytes: Uint8Array,
  view: DataView,
  values: Float32Array,
): void {
  for (let at = 0, target = 0; at < bytes.length; at += 176, target += 256) {
    const d = view.getFloat16(at, true);
    const e = view.getFloat16(at + 2, true);
    for (let part = 0; part < 8; part++) {
      const scale = d * sixBits(bytes, at + 4, part, 0);
      const minimum = e * sixBits(bytes, at + 4, part, 4);
      const codes = at + 48 + (part >> 1) * 32;
      const shift = (part & 1) * 4;
      for (let j = 0; j < 32; j++) {
        const q = bytes[codes + j]! >> shift & 15 | (bytes[at + 16 + j]! >> part & 1) << 4;
        values[target + part * 32 + j] = scale * q - minimum;
      }
    }
  }
}

/** 128 values: four low bits in the halves of 64 bytes, 64 apart; two top bits in 32 bytes, 32 apart. */
function readQ6_K(
  bytes: Uint8Array,
  view: DataView,
  values: Float32Array,
): void {
  for (let at = 0, target = 0; at < bytes.length; at += 210, target += 256) {
    const d = view.getFloat16(at + 208, true);
    for (let part = 0; part < 16; part++) {
      const scale = d * (bytes[at + 192 + part]! << 24 >> 24);
      const [half, quarter, offset] = [part >> 3, part >> 1 & 3, (part & 1) * 16];
      const low = at + half * 64 + (quarter & 1) * 32 + offset;
      const high = at + 128 + half * 32 + offset;
      const [lowShift, highShift] = [(quarter >> 1) * 4, quarter * 2];
      for (let j = 0; j < 16; j++) {
        const q = bytes[low + j]! >> lowShift & 15 | (bytes[high + j]! >> highShift & 3) << 4;
        values[target + part * 16 + j] = scale * (q - 32);
      }
    }
  }
}

/** 32 values in 16 bytes, as in the blocks of 32. */
function readIQ4_XS(
  bytes: Uint8Array,
  view: DataView,
  values: Float32Array,
): void {
  for (let at = 0, target = 0; at < bytes.length; at += 136, target += 256) {
    const d = view.getFloat16(at, true);
    const top = view.getUint16(at + 2, true);
    for (let part = 0; part < 8; part++) {
      const low = bytes[at + 4 + (part >> 1)]! >> (part & 1) * 4 & 15;
      const scale = d * ((low | (top >> 2 * part & 3) << 4) - 32);
      const first = target + part * 32;
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 8 + part * 16 + j]!;
        values[first + j] = scale * NONLINEAR_VALUES[byte & 15]!;
        values[first + j + 16] = scale * NONLINEAR_VALUES[byte >> 4]!;
      }
    }
  }
}
