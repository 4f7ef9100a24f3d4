/**
 * What bits each linear may get, and what they cost.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { LinearFormat } from "../export/types.ts";
import type { AffineGrid } from "../grid.ts";
import { gridBits } from "../pipeline/grid_bits.ts";
import type { LinearInfo } from "../plugin.ts";
import type { RuleSet } from "../rules/rule_set.ts";
import type { ResolvedTarget } from "./target_bits.ts";

/** Linears that get the same bits, with what there is to choose from. */
export interface MenuItem {
  /** The linears. */
  readonly linears: readonly LinearInfo[];
  /** Their grids for each choice, ascending in bits: `grids[choice][linear]`. */
  readonly grids: readonly (readonly AffineGrid[])[];
  /** Bits of storage of each choice. */
  readonly costs: readonly number[];
}

/** What the menu is made from. */
export interface MenuOptions {
  /** The linears that are quantized. */
  readonly linears: readonly LinearInfo[];
  /** The grid of each linear as its plugin resolved it, by full name. */
  readonly grids: ReadonlyMap<string, AffineGrid>;
  /** The rules of the user: bits that they give are not chosen. */
  readonly rules: RuleSet;
  /** The format to be written; undefined if the result stays in memory. */
  readonly format: LinearFormat | undefined;
  /** What was asked for. */
  readonly target: ResolvedTarget;
}

/**
 * The items to choose for.
 *
 * @throws {SalientError} `plugin` where no plugin says what grid a linear gets; `input` where nothing is left to choose from.
 */
export function makeMenu(options: MenuOptions): MenuItem[] {
  const { linears, rules, format, target } = options;
  const tied = target.tied ?? format?.fused ?? false;
  const groups = new Map<string, LinearInfo[]>();
  for (const linear of linears) {
    const pinned = rules.of(linear.name)?.grid.bits !== undefined;
    const key = pinned ? linear.name : groupOf(linear, tied, format);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(linear);
  }
  return [...groups.values()].map((group) => makeItem(group, options));
}

/** What linears have in common that get the same bits; the name where each has its own. */
function groupOf(
  { name, block, site, role, expert }: LinearInfo,
  tied: boolean,
  format: LinearFormat | undefined,
): string {
  if (expert !== undefined && format?.expertType !== undefined) {
    return `${block} experts ${tied && role !== "down" ? "gate and up" : role}`;
  }
  return tied ? `${block} ${site}` : name;
}

function makeItem(linears: readonly LinearInfo[], options: MenuOptions): MenuItem {
  const { rules, format, target } = options;
  const [first] = linears;
  const pinned = first && rules.of(first.name)?.grid.bits;
  const bases = linears.map((linear) => baseOf(linear, options));
  const grids = (pinned === undefined ? target.choices : [pinned])
    .map((bits) => bases.map((base) => ({ ...base, bits })))
    .filter((row) => row.every((grid, i) => fits(format, linears[i]!, grid)));
  if (grids.length === 0) {
    throw new SalientError(
      "input",
      `None of the bits ${target.choices.join(", ")} fit ${first?.name}` +
        `${format === undefined ? "" : ` in format ${format.name}`}: give other choices`,
      first === undefined ? {} : { tensor: first.name },
    );
  }
  const costs = grids.map((row) =>
    row.reduce((total, grid, i) => total + storedBits(format, linears[i]!, grid), 0)
  );
  return { linears, grids, costs };
}

function baseOf({ name }: LinearInfo, { grids }: MenuOptions): AffineGrid {
  const base = grids.get(name);
  if (base !== undefined) return base;
  throw new SalientError(
    "plugin",
    `No plugin says in its setup which grid ${name} gets, so that bits cannot be chosen: ` +
      `give rules in place of target bits`,
    { tensor: name },
  );
}

function fits(format: LinearFormat | undefined, linear: LinearInfo, grid: AffineGrid): boolean {
  try {
    format?.check(linear, grid);
    return true;
  } catch (error) {
    if (error instanceof SalientError && error.exitStatus === 2) return false;
    throw error;
  }
}

function storedBits(
  format: LinearFormat | undefined,
  linear: LinearInfo,
  grid: AffineGrid,
): number {
  const bytes = format?.byteLength?.(linear, grid);
  const [outputs, inputs] = linear.shape;
  return Math.round(bytes === undefined ? outputs * inputs * gridBits(grid) : 8 * bytes);
}
