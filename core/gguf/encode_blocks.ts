/**
 * From integers on a grid to ggml's blocks.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { GGML_TYPES, ggmlBytes, type GgmlType } from "./ggml_type.ts";

/** One row of a quantized weight. */
export interface QuantizedRow {
  /** [K], 0 to 2^bits - 1. */
  readonly codes: Uint8Array;
  /** [K / groupSize], fp16 values. */
  readonly scales: Float32Array;
  /** [K / groupSize]. */
  readonly zeros: Uint8Array;
  /** Inputs that share a scale; a multiple of the block's values, or at least of 32. */
  readonly groupSize: number;
}

/** Writes the blocks of a row at `target`; the type is the one that {@linkcode blockType} gave for its grid. */
export function encodeBlocks(
  type: GgmlType,
  row: QuantizedRow,
  bytes: Uint8Array<ArrayBuffer>,
  target: number,
): void {
  const { values, bytes: stride } = GGML_TYPES[type];
  const write = WRITERS[type];
  if (write === undefined) throw new SalientError("failed", `${type} has no blocks of integers`);
  const view = new DataView(
    bytes.buffer,
    bytes.byteOffset + target,
    ggmlBytes(type, row.codes.length),
  );
  for (let start = 0, at = 0; start < row.codes.length; start += values, at += stride) {
    const group = Math.floor(start / row.groupSize);
    write(
      view,
      at,
      row.codes.subarray(start, start + values),
      row.scales[group]!,
      row.zeros[group]!,
    );
  }
}

type Writer = (view: DataView, at: number, codes: Uint8Array, scale: number, zero: number) => void;

const WRITERS: Readonly<Partial<Record<GgmlType, Writer>>> = {
  Q4_0: writeQ4_0,
  Q4_1: writeQ4_1,
  Q8_0: writeQ8_0,
  Q4_K: writeQ4_K,
};

/** A grid of fewer bits has another middle, which comes to lie on 8. */
function writeQ4_0(
  view: DataView,
  at: number,
  codes: Uint8Array,
  scale: number,
  zero: number,
): void {
  view.setFloat16(at, scale, true);
  const shift = 8 - zero;
  for (let j = 0; j < 16; j++) {
    view.setUint8(at + 2 + j, (codes[j]! + shift) | (codes[j + 16]! + shift) << 4);
  }
}

function writeQ4_1(
  view: DataView,
  at: number,
  codes: Uint8Array,
  scale: number,
  zero: number,
): void {
  view.setFloat16(at, scale, true);
  view.setFloat16(at + 2, 0 - zero * scale, true);
  for (let j = 0; j < 16; j++) view.setUint8(at + 4 + j, codes[j]! | codes[j + 16]! << 4);
}

function writeQ8_0(
  view: DataView,
  at: number,
  codes: Uint8Array,
  scale: number,
  zero: number,
): void {
  view.setFloat16(at, scale, true);
  for (let j = 0; j < 32; j++) view.setInt8(at + 2 + j, codes[j]! - zero);
}

/** (d s) q - (e t) with d = e = scale, s = 1 and t = zero is (q - zero) scale. */
function writeQ4_K(
  view: DataView,
  at: number,
  codes: Uint8Array,
  scale: number,
  zero: number,
): void {
  view.setFloat16(at, scale, true);
  view.setFloat16(at + 2, scale, true);
  for (let part = 0; part < 4; part++) {
    view.setUint8(at + 4 + part, 1);
    view.setUint8(at + 8 + part, zero);
    view.setUint8(at + 12 + part, 1 | zero << 4);
  }
  for (let pair = 0; pair < 4; pair++) {
    for (let j = 0; j < 32; j++) {
      const low = codes[pair * 64 + j]!;
      const high = codes[pair * 64 + 32 + j]!;
      view.setUint8(at + 16 + pair * 32 + j, low | high << 4);
    }
  }
}
