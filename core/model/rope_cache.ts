/**
 * The table of cos and sin that a model's blocks share.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import type { RopeConfig } from "./config.ts";
import { ropeFrequencies, ropeRange, ropeTable } from "./rope.ts";

/** A table for one run of a block. Disposing it frees what was made for that run only. */
export interface RopeLease extends Disposable {
  /** F32 [positions, rotated]. */
  readonly table: Tensor;
  /** Row of the table that holds the run's first position. */
  readonly start: number;
}

/** Makes tables as long as needed and keeps them until it is disposed. */
export class RopeCache implements Disposable {
  readonly #ops: Pick<Ops, "upload">;
  readonly #config: RopeConfig;
  readonly #maxPositions: number;
  // Every table made, by range of lengths; runs that have not ended may still use the shorter ones.
  readonly #tables = { short: [] as Tensor[], long: [] as Tensor[] };

  /** Nothing is made before the first run. */
  constructor(ops: Pick<Ops, "upload">, config: RopeConfig, maxPositions: number) {
    this.#ops = ops;
    this.#config = config;
    this.#maxPositions = maxPositions;
  }

  /** A table for `rows` positions from `start` of a text of `length` tokens (start + rows if not given). */
  lease(start: number, rows: number, length = start + rows): RopeLease {
    const range = ropeRange(this.#config, length, this.#maxPositions);
    if (range === undefined) {
      const table = this.#make(length, start, rows);
      return { table, start: 0, [Symbol.dispose]: () => table[Symbol.dispose]() };
    }
    const tables = this.#tables[range];
    let table = tables.at(-1);
    const held = table?.shape[0] ?? 0;
    if (table === undefined || held < length) {
      // At least twice as long as the one before, so that all together stay small.
      const positions = Math.max(length, 2 * held, 64);
      const limit = this.#config.scaling === "dynamic" ? this.#maxPositions : Infinity;
      table = this.#make(length, 0, Math.min(positions, limit));
      tables.push(table);
    }
    return { table, start, [Symbol.dispose]: () => {} };
  }

  /** Frees all tables. */
  [Symbol.dispose](): void {
    for (const tables of Object.values(this.#tables)) {
      for (const table of tables.splice(0)) table[Symbol.dispose]();
    }
  }

  #make(length: number, start: number, rows: number): Tensor {
    const frequencies = ropeFrequencies(this.#config, length, this.#maxPositions);
    const values = ropeTable(frequencies, start, rows);
    return this.#ops.upload(values, "F32", [rows, this.#config.rotated]);
  }
}
