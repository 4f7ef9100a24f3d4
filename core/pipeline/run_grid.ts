/**
 * Grid helpers that know the format of the run.
 *
 * @module
 */

import type { ExportFormat } from "../export/types.ts";
import type { AffineGrid } from "../grid.ts";
import { type GridHelpers, type GridOptions, resolveGrid } from "../grid_helpers.ts";
import type { LinearInfo } from "../plugin.ts";

/**
 * `ctx.grid` of a run. Scales are stored as the format stores them unless the options say
 * otherwise, and a grid that the format cannot hold is refused as soon as a plugin resolves it: in
 * `setup`, before any work.
 *
 * @param format Format to be written; undefined if the result stays in memory.
 */
export function makeRunGrid(
  linears: readonly LinearInfo[],
  format: Pick<ExportFormat, "scaleDtype" | "check"> | undefined,
): GridHelpers {
  const byName = new Map(linears.map((linear) => [linear.name, linear]));
  function resolve(
    options: GridOptions,
    linear: { readonly name: string; readonly shape: readonly number[] },
  ): AffineGrid {
    const scaleDtype = options.scaleDtype ?? format?.scaleDtype ?? "F16";
    const grid = resolveGrid({ ...options, scaleDtype }, linear);
    const info = byName.get(linear.name);
    if (info !== undefined) format?.check(info, grid);
    return grid;
  }
  return { resolve };
}
