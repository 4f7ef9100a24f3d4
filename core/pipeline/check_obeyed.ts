/**
 * Whether a plugin has kept to the rules.
 *
 * @module
 */

import type { AffineGrid } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { LinearInfo } from "../plugin.ts";
import type { LinearRule } from "../rules/rule_set.ts";

/**
 * Makes sure that a weight is on the grid that the rules give its linear.
 *
 * @throws {SalientError} `plugin`, saying what differs.
 */
export function checkObeyed(
  rule: LinearRule | undefined,
  { name, shape }: LinearInfo,
  grid: AffineGrid,
): void {
  if (rule === undefined) return;
  const { bits = grid.bits, groupSize = grid.groupSize, symmetric = grid.symmetric } = rule.grid;
  const wanted = { bits, groupSize: groupSize === -1 ? shape[1] : groupSize, symmetric };
  for (const field of ["bits", "groupSize", "symmetric"] as const) {
    if (grid[field] === wanted[field]) continue;
    throw new SalientError(
      "plugin",
      `${name} was rounded with ${field} ${grid[field]} where the rule ${rule.match} says ` +
        `${wanted[field]}: the plugin must take its grid from ctx.grid.resolve`,
      { tensor: name },
    );
  }
}
