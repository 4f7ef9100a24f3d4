/**
 * From ggml's blocks to integers on a grid.
 *
 * @module
 */

import { GGML_TYPES, type GgmlType } from "./ggml_type.ts";
import { sixBits } from "./six_bits.ts";

/** Integers, scales and zero points of a weight [N, K] in groups of 32. */
export interface BlockGrid {
  /** 4, 5 or 8. */
  readonly bits: number;
  /** Whether the zero point is in the middle everywhere. */
  readonly symmetric: boolean;
  /** [N, K]. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** [N, K / 32], fp16 numbers. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** [N, K / 32]. */
  readonly zeros: Uint8Array<ArrayBuffer>;
  /** Whether `(q - zero) * scale` is the value of the block, exactly: else its minimum was rounded to fp16 (Q4_1). */
  readonly exact: boolean;
}

/** Bits of the blocks that may lie on such a grid. */
export const GRID_BITS: ReadonlyMap<string, number> = new Map([
  ["Q4_0", 4],
  ["Q4_1", 4],
  ["Q4_K", 4],
  ["Q5_0", 5],
  ["Q5_1", 5],
  ["Q8_0", 8],
]);

const GROUP = 32;

/**
 * The grid that whole blocks of one of these types lie on. Q4_0, Q5_0 and Q8_0 always do; Q4_1, Q5_1 and Q4_K where every minimum is a
 * whole multiple of its scale, from 0 to -(2^bits - 1), as those are that come from such a grid.
 *
 * @returns Undefined where they lie on none.
 */
export function blockGrid(type: GgmlType, bytes: Uint8Array<ArrayBuffer>): BlockGrid | undefined {
  const { values, bytes: stride } = GGML_TYPES[type];
  const count = bytes.length / stride * values;
  const groups = count / GROUP;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const codes = new Uint8Array(count);
  const scales = new Float32Array(groups);
  const zeros = new Uint8Array(groups);
  if (type === "Q8_0") {
    for (let group = 0; group < groups; group++) {
      scales[group] = view.getFloat16(group * stride, true);
      for (let j = 0; j < GROUP; j++) {
        codes[group * GROUP + j] = bytes[group * stride + 2 + j]! ^ 128;
      }
    }
    return { bits: 8, symmetric: true, codes, scales, zeros: zeros.fill(128), exact: true };
  }
  const bits = type.startsWith("Q5") ? 5 : 4;
  if (type === "Q4_0" || type === "Q5_0") {
    for (let group = 0; group < groups; group++) {
      scales[group] = view.getFloat16(group * stride, true);
      const at = group * stride + 2;
      const top = bits === 5 ? view.getUint32(at, true) : 0;
      halves(bytes, at + 4 * (bits - 4), top, codes, group * GROUP);
    }
    const middle = 2 ** (bits - 1);
    return { bits, symmetric: true, codes, scales, zeros: zeros.fill(middle), exact: true };
  }
  let exact = true;
  /** Whether the minimum of a group is a multiple of its scale. */
  function place(group: number, scale: number, minimum: number, rounded: boolean): boolean {
    const zero = scale === 0 ? 0 : Math.round(-minimum / scale);
    const meant = 0 - zero * scale;
    if (zero < 0 || zero >= 2 ** bits || Math.f16round(scale) !== scale) return false;
    if ((rounded ? Math.f16round(meant) : meant) !== minimum) return false;
    exact &&= meant === minimum;
    scales[group] = scale;
    zeros[group] = zero;
    return true;
  }
  if (type === "Q4_1" || type === "Q5_1") {
    for (let group = 0; group < groups; group++) {
      const at = group * stride;
      const [scale, minimum] = [view.getFloat16(at, true), view.getFloat16(at + 2, true)];
      if (!place(group, scale, minimum + 0, true)) return undefined;
      const top = bits === 5 ? view.getUint32(at + 4, true) : 0;
      halves(bytes, at + 4 + 4 * (bits - 4), top, codes, group * GROUP);
    }
  } else if (type === "Q4_K") {
    for (let group = 0; group < groups; group++) {
      const [at, part] = [(group >> 3) * stride, group & 7];
      const scale = view.getFloat16(at, true) * sixBits(bytes, at + 4, part, 0);
      const minimum = 0 - view.getFloat16(at + 2, true) * sixBits(bytes, at + 4, part, 4);
      if (!place(group, scale, minimum, false)) return undefined;
      const first = at + 16 + (part >> 1) * GROUP;
      for (let j = 0; j < GROUP; j++) {
        codes[group * GROUP + j] = bytes[first + j]! >> (part & 1) * 4 & 15;
      }
    }
  } else return undefined;
  return { bits, symmetric: false, codes, scales, zeros, exact };
}

/** 32 values: four bits in the halves of 16 bytes, the fifth, if there is one, in a word. */
function halves(
  bytes: Uint8Array,
  at: number,
  top: number,
  codes: Uint8Array,
  target: number,
): void {
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + j]!;
    codes[target + j] = byte & 15 | (top >>> j & 1) << 4;
    codes[target + j + 16] = byte >> 4 | (top >>> (j + 16) & 1) << 4;
  }
}
