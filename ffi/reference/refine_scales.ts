/**
 * Coordinate descent on the scales of a set of linears.
 *
 * @module
 */

import type { AffineGrid } from "../../core/backend.ts";
import { GroupRounder } from "./group_rounder.ts";
import { type PlainMoment, squaredOutput, subtractFrom } from "./losses.ts";
import { fakeQuantize } from "./quantize.ts";

/**
 * Tries `s[k] * factor` for the inputs of one free channel after the other and keeps what lowers
 * trace(D G D^T) over all rows of w [N, K]; the starting s if the recomputed sum is not lower in the end.
 */
export function refineScales(
  w: Float32Array,
  gram: Float32Array,
  grid: AffineGrid,
  start: Float32Array,
  options: { factors: Float32Array; channelOf: Uint32Array },
): { s: Float32Array; loss: number; initialLoss: number } {
  const K = start.length;
  const moment: PlainMoment = { tokens: false, data: gram, rows: K, weight: 1 };
  const initialLoss = lossOf(w, start, grid, moment);
  const descent = new Descent(w, gram, grid, Float32Array.from(start));
  for (const inputs of inputsOfChannels(options.channelOf)) {
    let best = 0;
    let bestFactor = 1;
    for (const factor of options.factors) {
      const change = descent.try(inputs, factor);
      if (change < best) {
        best = change;
        bestFactor = factor;
      }
    }
    if (best < 0) descent.accept(inputs, bestFactor);
  }
  const loss = lossOf(w, descent.s, grid, moment);
  if (loss < initialLoss) return { s: descent.s, loss, initialLoss };
  return { s: Float32Array.from(start), loss: initialLoss, initialLoss };
}

/** Inputs that move together, by ascending channel. */
function inputsOfChannels(channelOf: Uint32Array): number[][] {
  const inputs = new Map<number, number[]>();
  for (const channel of channelOf.toSorted()) inputs.set(channel, []);
  channelOf.forEach((channel, k) => inputs.get(channel)!.push(k));
  return [...inputs.values()];
}

function lossOf(w: Float32Array, s: Float32Array, grid: AffineGrid, moment: PlainMoment): number {
  const difference = new Float32Array(w.length);
  fakeQuantize(w, s.length, grid, s, difference);
  subtractFrom(w, difference);
  return squaredOutput(difference, s.length, moment);
}

/** The state of the descent: D = w - Q(w * s) / s and its products D G, kept up to date. */
class Descent {
  readonly s: Float32Array;
  readonly #w: Float32Array;
  readonly #gram: Float32Array;
  readonly #grid: AffineGrid;
  readonly #difference: Float32Array; // D [N, K]
  readonly #products: Float64Array; // D G [N, K]
  readonly #rounder: GroupRounder;
  readonly #scaled: Float32Array;
  readonly #changed: Uint32Array; // inputs whose difference changed in the row at hand
  readonly #change: Float64Array; // and by how much
  #changes = 0;

  constructor(w: Float32Array, gram: Float32Array, grid: AffineGrid, s: Float32Array) {
    const K = s.length;
    this.s = s;
    this.#w = w;
    this.#gram = gram;
    this.#grid = grid;
    this.#difference = new Float32Array(w.length);
    this.#products = new Float64Array(w.length);
    this.#rounder = new GroupRounder(grid);
    this.#scaled = new Float32Array(grid.groupSize);
    this.#changed = new Uint32Array(K);
    this.#change = new Float64Array(K);
    fakeQuantize(w, K, grid, s, this.#difference);
    subtractFrom(w, this.#difference);
    for (let i = 0; i < w.length; i++) this.#addProducts(i - i % K, i % K, this.#difference[i]!);
  }

  /** By how much the loss changes when the scales of `inputs` are multiplied by `factor`. */
  try(inputs: readonly number[], factor: number): number {
    return this.#with(inputs, factor, () => {
      let total = 0;
      for (let row = 0; row < this.#w.length; row += this.s.length) {
        this.#compare(row, inputs);
        total += this.#lossChange(row);
      }
      return total;
    }, false);
  }

  /** Multiplies the scales of `inputs` by `factor` for good. */
  accept(inputs: readonly number[], factor: number): void {
    this.#with(inputs, factor, () => {
      for (let row = 0; row < this.#w.length; row += this.s.length) {
        this.#compare(row, inputs);
        for (let c = 0; c < this.#changes; c++) {
          this.#difference[row + this.#changed[c]!]! += this.#change[c]!;
          this.#addProducts(row, this.#changed[c]!, this.#change[c]!);
        }
      }
      return 0;
    }, true);
  }

  #with(inputs: readonly number[], factor: number, body: () => number, keep: boolean): number {
    const before = inputs.map((k) => this.s[k]!);
    for (const k of inputs) this.s[k]! *= factor;
    const result = body();
    if (!keep) inputs.forEach((k, i) => this.s[k] = before[i]!);
    return result;
  }

  /** Requantizes the groups of a row that hold `inputs` and notes where D changes. */
  #compare(row: number, inputs: readonly number[]): void {
    const { groupSize } = this.#grid;
    this.#changes = 0;
    let done = -1;
    for (const k of inputs) {
      const group = Math.floor(k / groupSize);
      if (group === done) continue; // inputs are ascending
      done = group;
      const first = group * groupSize;
      for (let i = 0; i < groupSize; i++) {
        this.#scaled[i] = this.#w[row + first + i]! * this.s[first + i]!;
      }
      this.#rounder.fit(this.#scaled, 0, groupSize);
      for (let i = 0; i < groupSize; i++) {
        const at = row + first + i;
        const value = this.#rounder.value(this.#rounder.code(this.#scaled[i]!));
        const difference = Math.fround(this.#w[at]! - Math.fround(value / this.s[first + i]!));
        if (difference === this.#difference[at]) continue;
        this.#changed[this.#changes] = first + i;
        this.#change[this.#changes++] = difference - this.#difference[at]!;
      }
    }
  }

  /** (d + c) G (d + c)^T - d G d^T = c . (2 d G + c G) for the noted changes c. */
  #lossChange(row: number): number {
    const K = this.s.length;
    let total = 0;
    for (let a = 0; a < this.#changes; a++) {
      const i = this.#changed[a]!;
      let sum = 2 * this.#products[row + i]!;
      for (let b = 0; b < this.#changes; b++) {
        sum += this.#gram[i * K + this.#changed[b]!]! * this.#change[b]!;
      }
      total += this.#change[a]! * sum;
    }
    return total;
  }

  #addProducts(row: number, k: number, change: number): void {
    const K = this.s.length;
    for (let j = 0; j < K; j++) this.#products[row + j]! += change * this.#gram[k * K + j]!;
  }
}
