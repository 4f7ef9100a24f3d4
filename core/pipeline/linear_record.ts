/**
 * Which grid each linear of a run got.
 *
 * @module
 */

import type { AffineGrid } from "../backend.ts";
import { type SharedGrid, sharedGrid } from "../export/shared_grid.ts";
import type { ExportedLinear, LinearFormat } from "../export/types.ts";
import type { StoredLinear, StoredQuantization } from "../model/model.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import { checkTogether } from "./check_together.ts";

/** Collects the quantized linears of a run. */
export class LinearRecord {
  readonly #format: Pick<LinearFormat, "name" | "mixed"> | undefined;
  readonly #linears = new Map<string, ExportedLinear>();

  /** @param format Format to be written; undefined if the result stays in memory, where grids may differ. */
  constructor(format: Pick<LinearFormat, "name" | "mixed"> | undefined) {
    this.#format = format;
  }

  /**
   * Adds a linear.
   *
   * @param ordered Whether its groups are not of neighbouring inputs.
   * @throws {SalientError} `input` if the format cannot hold it beside the ones before.
   */
  add(
    info: LinearInfo,
    grid: AffineGrid,
    activation?: ActivationFormat,
    ordered = false,
  ): void {
    const added = { info, grid, ordered, ...(activation === undefined ? {} : { activation }) };
    const [first] = this.#linears.values();
    if (first !== undefined && this.#format !== undefined) {
      checkTogether(this.#format, first, added);
    }
    this.#linears.set(info.name, added);
  }

  /** The quantized linears by full name, in order. */
  get linears(): ReadonlyMap<string, ExportedLinear> {
    return this.#linears;
  }

  /** Bits and group size that all of them have. */
  get shared(): SharedGrid {
    return sharedGrid(this.#linears.values());
  }

  /** The record as a model describes itself. */
  stored(format: string): StoredQuantization {
    const linears = new Map<string, StoredLinear>();
    for (const [name, { grid, activation }] of this.#linears) {
      const { bits, groupSize, symmetric } = grid;
      const more = activation === undefined ? {} : { activation };
      linears.set(name, { bits, groupSize, symmetric, ...more });
    }
    return { format, ...this.shared, of: ({ name }) => linears.get(name) };
  }
}
