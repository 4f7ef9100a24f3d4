/**
 * Keys and values of the tokens seen so far, of one block and one sequence.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";

/** Keys and values of one block, F32 [capacity, width] each, filled from row 0. */
export class KvCache implements Disposable {
  /** Keys, already rotated. */
  readonly keys: Tensor;
  /** Values. */
  readonly values: Tensor;
  /** Rows it can hold. */
  readonly capacity: number;
  #length = 0;

  /** Makes an empty cache for `capacity` tokens of kvHeads * headDim channels. */
  constructor(ops: Pick<Ops, "zeros">, capacity: number, width: number) {
    this.capacity = capacity;
    this.keys = ops.zeros("F32", [capacity, width]);
    this.values = ops.zeros("F32", [capacity, width]);
  }

  /** Rows filled. */
  get length(): number {
    return this.#length;
  }

  /** Forgets all rows. */
  clear(): void {
    this.#length = 0;
  }

  /** Counts one more row, which a recorded step has filled. */
  advance(): void {
    this.#length++;
  }

  /** Appends the rows of k and v. */
  async append(ops: Pick<Ops, "copyRows">, k: Tensor, v: Tensor): Promise<void> {
    const rows = k.shape[0] ?? 0;
    if (this.#length + rows > this.capacity) {
      throw new SalientError(
        "input",
        `Text needs ${this.#length + rows} positions but the cache holds ${this.capacity}`,
      );
    }
    await ops.copyRows(k, this.keys, this.#length);
    await ops.copyRows(v, this.values, this.#length);
    this.#length += rows;
  }

  /** Frees both tensors. */
  [Symbol.dispose](): void {
    this.keys[Symbol.dispose]();
    this.values[Symbol.dispose]();
  }
}
