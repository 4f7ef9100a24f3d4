/**
 * Whether linears can stand in one checkpoint.
 *
 * @module
 */

import type { AffineGrid } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { sharedGrid } from "../export/shared_grid.ts";
import type { ExportedLinear, LinearFormat } from "../export/types.ts";

/**
 * Makes sure that a format can hold two linears in one checkpoint.
 *
 * @throws {SalientError} `input`, naming both.
 */
export function checkTogether(
  format: Pick<LinearFormat, "name" | "mixed">,
  first: ExportedLinear,
  second: ExportedLinear,
): void {
  if (format.mixed) return;
  const { bits, groupSize } = sharedGrid([first, second]);
  if (bits !== null && groupSize !== null) return;
  throw new SalientError(
    "input",
    `Format ${format.name} stores all linears on one grid, but ${second.info.name} has ` +
      `${describe(second.grid)} and ${first.info.name} has ${describe(first.grid)}: make them ` +
      `equal, or use a format that can mix them`,
    { tensor: second.info.name },
  );
}

function describe(grid: AffineGrid): string {
  return `${grid.bits} bits in groups of ${grid.groupSize}`;
}
