/**
 * The reference backend's packed weights: two integers in a byte for up to 4 bits, else one.
 *
 * @module
 */

import type { PackedWeight } from "../../core/backend.ts";
import type { Allocate } from "./allocate.ts";
import { check } from "./checks.ts";
import type { PlainQuantized } from "./quantize.ts";
import type { ReferenceTensor } from "./tensor.ts";

/** A packed weight whose rows are unpacked one at a time. */
export class ReferencePacked implements PackedWeight {
  readonly packed = true;
  readonly shape: readonly number[];
  readonly bits: number;
  readonly groupSize: number;
  readonly byteLength: number;
  readonly #codes: ReferenceTensor; // U8 [N, ceil(K / 2)] or [N, K]
  readonly #scales: ReferenceTensor; // F32 [N, G]
  readonly #zeros: ReferenceTensor; // U8 [N, G]

  /** Copies a quantized weight [N, K]. */
  constructor(
    source: PlainQuantized,
    grid: { readonly bits: number; readonly groupSize: number },
    size: { N: number; K: number },
    allocate: Allocate,
  ) {
    const { N, K } = size;
    this.shape = Object.freeze([N, K]);
    this.bits = grid.bits;
    this.groupSize = grid.groupSize;
    const halves = grid.bits <= 4;
    const width = halves ? Math.ceil(K / 2) : K;
    const groups = K / grid.groupSize;
    this.#codes = allocate("U8", [N, width]);
    this.#scales = allocate("F32", [N, groups]);
    this.#zeros = allocate("U8", [N, groups]);
    this.#scales.writableF32().set(source.scales);
    this.#zeros.writableBytes().set(source.zeros);
    const bytes = this.#codes.writableBytes();
    if (!halves) bytes.set(source.codes);
    for (let i = 0; halves && i < source.codes.length; i++) {
      const k = i % K;
      bytes[(i - k) / K * width + (k >> 1)]! |= source.codes[i]! << (k & 1 ? 4 : 0);
    }
    this.byteLength = this.#codes.byteLength + this.#scales.byteLength + this.#zeros.byteLength;
  }

  /** Writes (q - zero) * scale of row n to `row` [K]. */
  unpackRow(n: number, row: Float64Array): void {
    const halves = this.bits <= 4;
    const width = this.#codes.shape[1]!;
    const groups = this.#scales.shape[1]!;
    const codes = this.#codes.bytes(n * width, width);
    const zeros = this.#zeros.bytes(n * groups, groups);
    const scaleBytes = this.#scales.bytes(n * groups * 4, groups * 4);
    const scales = new Float32Array(scaleBytes.buffer, scaleBytes.byteOffset, groups);
    for (let group = 0, k = 0; group < groups; group++) {
      const scale = scales[group]!;
      const zero = zeros[group]!;
      for (let i = 0; i < this.groupSize; i++, k++) {
        const code = halves ? (codes[k >> 1]! >> (k & 1 ? 4 : 0)) & 15 : codes[k]!;
        row[k] = Math.fround((code - zero) * scale);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#codes[Symbol.dispose]();
    this.#scales[Symbol.dispose]();
    this.#zeros[Symbol.dispose]();
  }
}

/** The weight as one of this backend's. */
export function ownPacked(weight: PackedWeight): ReferencePacked {
  check(
    weight instanceof ReferencePacked,
    "Packed weight belongs to another backend than the reference",
  );
  return weight;
}
