/**
 * The search for the range of each group, row by row, on all that is known of the inputs.
 *
 * The clip search of AWQ (Lin et al., MLSys 2024) taken further in two ways: the two ends of an
 * asymmetric range move apart from each other, and a group is judged by what it does to the error of its
 * whole row. With d the row's error and R what the other groups' errors put into group g's inputs,
 * R = sum over h != g of d_h G_hg, changing d_g changes the row's squared output error by
 * d_g G_gg d_g^T + 2 d_g R^T.
 *
 * @module
 */

import type { AffineGrid } from "../../core/backend.ts";
import { momentOfGroup } from "./clip_search.ts";
import { GroupRounder } from "./group_rounder.ts";
import type { PlainMoment } from "./losses.ts";
import { clamp, type PlainQuantized } from "./quantize.ts";
import { rowProducts } from "./row_products.ts";

/** How ranges are searched. */
export interface RangeSearch {
  /** Ends tried, from 1 down. */
  readonly steps: number;
  /** Ends lie between 1 and 1 - maxShrink of the group's own. */
  readonly maxShrink: number;
  /** How often all groups are visited. */
  readonly sweeps: number;
}

/** Rounds w [N, K] into `out` and returns how many groups are not on their plain range. */
export function searchRanges(
  w: Float32Array,
  size: { N: number; K: number },
  moment: PlainMoment,
  grid: AffineGrid,
  options: RangeSearch,
  out: PlainQuantized,
): number {
  const { N, K } = size;
  const row = new RowSearch(K, moment, grid, options);
  const groups = K / grid.groupSize;
  let clipped = 0;
  for (let n = 0; n < N; n++) {
    row.search(w.subarray(n * K, (n + 1) * K));
    row.write(n, out);
    for (let g = 0; g < groups; g++) if (row.isClipped(g)) clipped++;
  }
  return clipped;
}

/** The search of one row after the other. */
class RowSearch {
  readonly #K: number;
  readonly #size: number;
  readonly #moment: PlainMoment;
  readonly #symmetric: boolean;
  readonly #options: RangeSearch;
  readonly #rounder: GroupRounder;
  readonly #parts: readonly PlainMoment[]; // of each group
  readonly #factors: Float32Array; // [steps]
  readonly #d: Float64Array; // [K] the row's error
  readonly #products: Float64Array; // G d [K], or X d [tokens]
  readonly #across: Float64Array; // [g] R
  readonly #tried: Float64Array; // [g]
  readonly #part: Float64Array; // products of one group
  readonly #ends: Float32Array; // [G, 2]
  readonly #plain: Float32Array; // [G, 2]
  #w: Float32Array = new Float32Array(0);

  constructor(K: number, moment: PlainMoment, grid: AffineGrid, options: RangeSearch) {
    const g = this.#size = grid.groupSize;
    this.#K = K;
    this.#moment = moment;
    this.#symmetric = grid.symmetric;
    this.#options = options;
    this.#rounder = new GroupRounder(grid);
    this.#parts = Array.from({ length: K / g }, (_, i) => momentOfGroup(moment, K, i * g, g));
    this.#factors = Float32Array.from(
      { length: options.steps },
      (_, i) => 1 - i * Math.fround(options.maxShrink) / options.steps,
    );
    this.#d = new Float64Array(K);
    this.#products = new Float64Array(moment.rows);
    this.#across = new Float64Array(g);
    this.#tried = new Float64Array(g);
    this.#part = new Float64Array(moment.tokens ? moment.rows : g);
    this.#ends = new Float32Array(2 * K / g);
    this.#plain = new Float32Array(2 * K / g);
  }

  /** Whether group g is not on the range of its weights. */
  isClipped(g: number): boolean {
    return this.#ends[2 * g] !== this.#plain[2 * g] ||
      this.#ends[2 * g + 1] !== this.#plain[2 * g + 1];
  }

  /** Searches the ranges of row w [K]. */
  search(w: Float32Array): void {
    this.#w = w;
    const groups = this.#parts.length;
    for (let g = 0; g < groups; g++) {
      let [low, high] = [Infinity, -Infinity];
      for (const value of this.#group(g)) {
        if (value < low) low = value; // NaN is not looked at
        if (value > high) high = value;
      }
      this.#plain.set([low, high], 2 * g);
    }
    this.#ends.set(this.#plain);
    for (let g = 0; g < groups; g++) {
      this.#round(g, this.#plain[2 * g]!, this.#plain[2 * g + 1]!);
      this.#d.set(this.#tried, g * this.#size);
    }
    rowProducts(this.#moment.data, this.#moment.rows, this.#d, this.#products);
    for (let sweep = 0; sweep < this.#options.sweeps; sweep++) {
      let changed = false;
      for (let g = 0; g < groups; g++) changed = this.#improve(g) || changed;
      if (!changed) break;
    }
  }

  /** Writes row n. */
  write(n: number, out: PlainQuantized): void {
    const groups = this.#parts.length;
    for (let g = 0; g < groups; g++) {
      this.#fit(this.#ends[2 * g]!, this.#ends[2 * g + 1]!);
      out.scales[n * groups + g] = this.#rounder.scale;
      out.zeros[n * groups + g] = this.#rounder.zero;
      const start = n * this.#K + g * this.#size;
      this.#group(g).forEach((value, i) => out.codes[start + i] = this.#rounder.code(value));
    }
  }

  /** Tries all ranges of group g against the rest of the row; whether one was better. */
  #improve(g: number): boolean {
    const [plainLow, plainHigh] = [this.#plain[2 * g]!, this.#plain[2 * g + 1]!];
    let [low, high] = [this.#ends[2 * g]!, this.#ends[2 * g + 1]!];
    this.#findAcross(g);
    this.#round(g, low, high);
    let least = this.#error(g);
    let better = false;
    const attempt = (nextLow: number, nextHigh: number): void => {
      this.#round(g, nextLow, nextHigh);
      const error = this.#error(g);
      if (!(error < least)) return;
      [least, low, high, better] = [error, nextLow, nextHigh, true];
    };
    const largest = Math.max(-plainLow, plainHigh);
    for (const factor of this.#factors.subarray(1)) {
      const bound = Math.fround(largest * factor);
      attempt(clamp(plainLow, bound), clamp(plainHigh, bound));
    }
    if (!this.#symmetric) {
      const fixedLow = low;
      for (const factor of this.#factors) {
        attempt(fixedLow, Math.max(fixedLow, Math.fround(Math.max(plainHigh, 0) * factor)));
      }
      const fixedHigh = high;
      for (const factor of this.#factors) {
        attempt(Math.min(fixedHigh, Math.fround(Math.min(plainLow, 0) * factor)), fixedHigh);
      }
    }
    if (better) this.#take(g, low, high);
    return better;
  }

  #group(g: number): Float32Array {
    return this.#w.subarray(g * this.#size, (g + 1) * this.#size);
  }

  #fit(low: number, high: number): void {
    this.#rounder.fit(Float32Array.of(low, high), 0, 2);
  }

  /** tried = w - Q(w) of group g on a range. */
  #round(g: number, low: number, high: number): void {
    this.#fit(low, high);
    this.#group(g).forEach((value, i) =>
      this.#tried[i] = Math.fround(value - this.#rounder.value(this.#rounder.code(value)))
    );
  }

  /** What `tried` in place of group g's error adds to the row's, without the moment's factor. */
  #error(g: number): number {
    const part = this.#parts[g]!;
    rowProducts(part.data, part.rows, this.#tried, this.#part);
    let error = 0;
    for (let i = 0; i < part.rows; i++) {
      error += this.#part[i]! * (part.tokens ? this.#part[i]! : this.#tried[i]!);
    }
    for (let i = 0; i < this.#size; i++) error += 2 * this.#tried[i]! * this.#across[i]!;
    return error;
  }

  /** R of group g. */
  #findAcross(g: number): void {
    const part = this.#parts[g]!;
    const start = g * this.#size;
    rowProducts(part.data, part.rows, this.#d.subarray(start, start + this.#size), this.#part);
    if (!part.tokens) {
      for (let i = 0; i < this.#size; i++) {
        this.#across[i] = this.#products[start + i]! - this.#part[i]!;
      }
      return;
    }
    this.#across.fill(0);
    for (let t = 0; t < part.rows; t++) {
      const rest = this.#products[t]! - this.#part[t]!;
      for (let i = 0; i < this.#size; i++) {
        this.#across[i] = this.#across[i]! + rest * part.data[t * this.#size + i]!;
      }
    }
  }

  /** Puts group g on a range. */
  #take(g: number, low: number, high: number): void {
    this.#ends.set([low, high], 2 * g);
    this.#round(g, low, high);
    const start = g * this.#size;
    const { data, rows } = this.#moment;
    for (let i = 0; i < this.#size; i++) {
      const change = this.#tried[i]! - this.#d[start + i]!;
      this.#d[start + i] = this.#tried[i]!;
      if (change === 0) continue;
      for (let r = 0; r < rows; r++) {
        this.#products[r] = this.#products[r]! + change * data[r * this.#K + start + i]!;
      }
    }
  }
}
