/**
 * Whether the experts of a block can be stored as one tensor.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { LinearFormat } from "../export/types.ts";
import type { AffineGrid } from "../grid.ts";
import type { LinearInfo } from "../plugin.ts";

/**
 * Makes sure that the experts of a block are stored alike, role by role, where the format makes one tensor of them.
 *
 * @param linears Every linear of the model.
 * @param quantized Full names of those that are quantized.
 * @param grids Their grids by full name, as far as plugins have resolved them.
 * @throws {SalientError} `input`, naming two that differ.
 */
export function checkExperts(
  format: Pick<LinearFormat, "name" | "expertType">,
  linears: readonly LinearInfo[],
  quantized: ReadonlySet<string>,
  grids: ReadonlyMap<string, AffineGrid>,
): void {
  if (format.expertType === undefined) return;
  const firsts = new Map<string, { readonly name: string; readonly type: string }>();
  for (const { name, block, role, expert } of linears) {
    if (expert === undefined) continue;
    const grid = grids.get(name);
    if (quantized.has(name) && grid === undefined) continue;
    const type = quantized.has(name) && grid !== undefined ? format.expertType(grid) : "plain";
    const key = `${block} ${role}`;
    const first = firsts.get(key) ?? { name, type };
    firsts.set(key, first);
    if (first.type === type) continue;
    throw new SalientError(
      "input",
      `Format ${format.name} stores the experts of a block as one tensor, but ${name} is ${type} and ${first.name} ` +
        `is ${first.type}: give them the same bits, or skip them all`,
      { tensor: name },
    );
  }
}
