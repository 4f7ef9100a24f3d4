/**
 * Rounding one group of weights to an affine grid. Every operation is rounded to fp32 on its own, so
 * that other backends can produce the same integers.
 *
 * @module
 */

import { type AffineGrid, maxCode } from "../../core/backend.ts";
import { roundTo } from "./conversion.ts";

const MIN_RANGE = Math.fround(1e-5);
const SMALLEST_NORMAL = { F32: 2 ** -126, F16: 2 ** -14, BF16: 2 ** -126 };
const LARGEST = { F32: (2 - 2 ** -23) * 2 ** 127, F16: 65504, BF16: (2 - 2 ** -7) * 2 ** 127 };
// Adding and subtracting 1.5 * 2^52 leaves no fraction bits: fp64 itself then rounds half to even.
const NO_FRACTION = 1.5 * 2 ** 52;

/** A grid's scale and zero point, fitted to one group after the other. */
export class GroupRounder {
  /** Scale of the group at hand, rounded to the grid's type. */
  scale = 1;
  /** Zero point of the group at hand. */
  zero = 0;
  readonly #grid: AffineGrid;
  readonly #maxCode: number;

  /** A rounder for a grid; nothing is fitted yet. */
  constructor(grid: AffineGrid) {
    this.#grid = grid;
    this.#maxCode = maxCode(grid);
  }

  /** Fits scale and zero point to `values[start]` to `values[end - 1]`. NaN is not looked at. */
  fit(values: Float32Array, start: number, end: number): void {
    const { bits, symmetric, range } = this.#grid;
    let min = symmetric || range === "zero" ? 0 : Infinity;
    let max = symmetric || range === "zero" ? 0 : -Infinity;
    for (let i = start; i < end; i++) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (min > max) min = max = 0; // nothing but NaN
    if (symmetric) {
      const absMax = Math.max(-min, max, MIN_RANGE);
      this.scale = this.#storable(Math.fround(absMax / (2 ** (bits - 1) - 1)));
      this.zero = 2 ** (bits - 1);
    } else {
      const width = Math.max(Math.fround(max - min), MIN_RANGE);
      this.scale = this.#storable(Math.fround(width / this.#maxCode));
      this.zero = this.#clamp(roundHalfEven(Math.fround(-min / this.scale)));
    }
  }

  /** The integer of a weight; that of NaN is the zero point. */
  code(weight: number): number {
    const steps = roundHalfEven(Math.fround(weight / this.scale));
    return steps === steps ? this.#clamp(steps + this.zero) : this.zero;
  }

  /** The weight that an integer stands for. */
  value(code: number): number {
    return Math.fround((code - this.zero) * this.scale);
  }

  #clamp(code: number): number {
    return code > this.#maxCode ? this.#maxCode : code > 0 ? code : 0;
  }

  #storable(scale: number): number {
    const dtype = this.#grid.scaleDtype;
    const rounded = roundTo(scale, dtype);
    if (rounded === 0) return SMALLEST_NORMAL[dtype];
    return rounded > LARGEST[dtype] ? LARGEST[dtype] : rounded;
  }
}

export function roundHalfEven(value: number): number {
  return value + NO_FRACTION - NO_FRACTION;
}
