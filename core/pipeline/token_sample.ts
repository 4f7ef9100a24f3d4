/**
 * Some rows of what passes a site.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { mapRows } from "./map_rows.ts";

/**
 * Rows evenly spread over all that pass, the same however they are cut into batches: exactly `count` (or all) where the
 * total is known; where it is not, every 2^i-th, with i so that `count` are enough, which leaves more than half of `count`.
 */
export class TokenSample implements Disposable {
  readonly #ops: Ops;
  readonly #rows: Tensor; // F32 [count, K]
  readonly #spread: Float64Array | undefined; // the rows that are wanted, ascending, where the total is known
  readonly #views = new DisposableStack();
  #stride = 1;
  #kept = 0;
  #view: Tensor | undefined;

  /**
   * An empty sample.
   *
   * @param count Rows that are kept at most, above 0.
   * @param total Rows that will come; undefined where nobody knows.
   */
  constructor(ops: Ops, count: number, channels: number, total: number | undefined) {
    this.#ops = ops;
    this.#rows = ops.zeros("F32", [count, channels]);
    this.#spread = total === undefined ? undefined : evenlySpread(count, total);
  }

  /** The rows [n, K]; undefined where there are none yet. The same object as long as n stays. */
  get tensor(): Tensor | undefined {
    if (this.#spread !== undefined) return this.#rows;
    if (this.#kept === 0) return undefined;
    if (this.#view?.shape[0] === this.#kept) return this.#view;
    this.#view = this.#views.use(this.#ops.rows(this.#rows, 0, this.#kept));
    return this.#view;
  }

  /** Takes what it wants of the next rows, X [rows, K] F32, of which the first is row `first` of all. */
  async add(input: Tensor, first: number): Promise<void> {
    const rows = input.shape[0] ?? 0;
    if (this.#spread !== undefined) {
      const start = lowerBound(this.#spread, first);
      const picked = this.#spread.subarray(start, lowerBound(this.#spread, first + rows));
      return await this.#copy(input, Int32Array.from(picked, (row) => row - first), start);
    }
    const count = this.#rows.shape[0] ?? 0;
    while (Math.ceil((first + rows) / this.#stride) > count) await this.#thin();
    const begin = Math.ceil(first / this.#stride) * this.#stride;
    const picked = Math.max(0, Math.ceil((first + rows - begin) / this.#stride));
    await this.#copy(
      input,
      Int32Array.from({ length: picked }, (_, i) => begin - first + i * this.#stride),
      this.#kept,
    );
    this.#kept += picked;
  }

  /** Channels have been divided by what `inverse` [K] is the inverse of. */
  async scale(inverse: Float32Array): Promise<void> {
    await mapRows(this.#ops, this.#rows, (part) => this.#ops.scaleColumns(part, inverse));
  }

  /** Forgets all rows. */
  reset(): void {
    this.#stride = 1;
    this.#kept = 0;
  }

  /** Frees the rows. */
  [Symbol.dispose](): void {
    this.#views.dispose();
    this.#rows[Symbol.dispose]();
  }

  async #copy(input: Tensor, picked: Int32Array, to: number): Promise<void> {
    if (picked.length === 0) return;
    using part = await this.#ops.embed(input, picked);
    await this.#ops.copyRows(part, this.#rows, to);
  }

  /** Keeps every second row. */
  async #thin(): Promise<void> {
    this.#stride *= 2;
    const left = Math.ceil(this.#kept / 2);
    await this.#copy(this.#rows, Int32Array.from({ length: left }, (_, i) => 2 * i), 0);
    this.#kept = left;
  }
}

/** `count` whole numbers, evenly spread over [0, total). */
function evenlySpread(count: number, total: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => Math.floor(i * total / count));
}

/** Index of the first entry that is at least `value`; entries ascend. */
function lowerBound(entries: Float64Array, value: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
