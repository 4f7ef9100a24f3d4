/**
 * What the grids of a run's linears have in common.
 *
 * @module
 */

import type { ExportedLinear } from "./types.ts";

/** Bits and group size of several linears. */
export interface SharedGrid {
  /** Bits of all; null where they differ, or there is none. */
  readonly bits: number | null;
  /** Group size of all, -1 where each takes its whole row and they differ; null as for `bits`. */
  readonly groupSize: number | null;
}

/** What the grids of these linears have in common. */
export function sharedGrid(linears: Iterable<ExportedLinear>): SharedGrid {
  let bits: number | null = null;
  let groupSize: number | null = null;
  let [first, wholeRows] = [true, true];
  for (const { info, grid } of linears) {
    if (first) [bits, groupSize] = [grid.bits, grid.groupSize];
    if (grid.bits !== bits) bits = null;
    if (grid.groupSize !== groupSize) groupSize = null;
    wholeRows &&= grid.groupSize === info.shape[1];
    first = false;
  }
  return { bits, groupSize: groupSize === null && wholeRows && !first ? -1 : groupSize };
}
