/**
 * The grid that the linears of a run share.
 *
 * @module
 */

import type { AffineGrid } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { LinearInfo } from "../plugin.ts";

/** Collects the grids of linears and knows what they have in common. */
export class SharedGrid {
  readonly #format: string | undefined;
  #first: { readonly name: string; readonly grid: AffineGrid } | undefined;
  #sameBits = true;
  #sameGroups = true;
  #wholeRows = true;

  /** @param format Name of the format that can hold only one grid; undefined where grids may differ. */
  constructor(format: string | undefined) {
    this.#format = format;
  }

  /**
   * Adds a linear's grid.
   *
   * @throws {SalientError} `input` if the format cannot hold it beside the ones before.
   */
  add(linear: LinearInfo, grid: AffineGrid): void {
    this.#first ??= { name: linear.name, grid };
    const first = this.#first.grid;
    this.#sameBits &&= grid.bits === first.bits;
    this.#sameGroups &&= grid.groupSize === first.groupSize;
    this.#wholeRows &&= grid.groupSize === linear.shape[1];
    const fits = this.#sameBits && (this.#sameGroups || this.#wholeRows);
    if (this.#format === undefined || fits) return;
    throw new SalientError(
      "input",
      `Format ${this.#format} stores all linears on one grid, but ${linear.name} has ` +
        `${describe(grid)} and ${this.#first.name} has ${describe(first)}: make them equal`,
      { tensor: linear.name },
    );
  }

  /** The common grid, `groupSize` -1 where they differ and each takes its whole row. */
  get grid(): AffineGrid | undefined {
    const first = this.#first?.grid;
    if (first === undefined) return undefined;
    return this.#sameGroups ? first : { ...first, groupSize: -1 };
  }

  /** Bits of all linears; null where they differ or there is none. */
  get bits(): number | null {
    return this.#sameBits ? this.#first?.grid.bits ?? null : null;
  }

  /** Group size of all linears, -1 for whole rows; null where they differ or there is none. */
  get groupSize(): number | null {
    if (this.#sameGroups) return this.#first?.grid.groupSize ?? null;
    return this.#wholeRows ? -1 : null;
  }
}

function describe(grid: AffineGrid): string {
  return `${grid.bits} bits in groups of ${grid.groupSize}`;
}
