/**
 * Grid helpers that know the format and the rules of the run.
 *
 * @module
 */

import { castable } from "./fold_factors.ts";
import { SalientError } from "../errors.ts";
import type { ExportedLinear, LinearFormat } from "../export/types.ts";
import type { AffineGrid } from "../grid.ts";
import { type GridHelpers, type GridOptions, resolveGrid } from "../grid_helpers.ts";
import type { LinearInfo } from "../plugin.ts";
import type { LinearRule, RuleSet } from "../rules/rule_set.ts";
import { checkTogether } from "./check_together.ts";

/**
 * `ctx.grid` of a run. The rules come before the plugin's options; scales are stored as the format stores
 * them unless the options say otherwise; and a grid that the format cannot hold is refused as soon as a
 * plugin resolves it: in `setup`, before any work.
 */
export class RunGrid {
  readonly #linears: ReadonlyMap<string, LinearInfo>;
  readonly #format: RunFormat | undefined;
  readonly #rules: RuleSet;
  readonly #resolved = new Map<string, ExportedLinear[]>();

  /** @param format Format to be written; undefined if the result stays in memory. */
  constructor(linears: readonly LinearInfo[], format: RunFormat | undefined, rules: RuleSet) {
    this.#linears = new Map(linears.map((linear) => [linear.name, linear]));
    this.#format = format;
    this.#rules = rules;
  }

  /** What plugins are given. */
  get helpers(): GridHelpers {
    return { resolve: (options, linear) => this.#resolve(options, linear) };
  }

  /** The grid of each linear by full name, as it was resolved last. */
  get grids(): ReadonlyMap<string, AffineGrid> {
    return new Map([...this.#resolved].map(([name, known]) => [name, known.at(-1)!.grid]));
  }

  /**
   * Refuses linears that cannot stand in one checkpoint, as far as the grids that plugins have resolved so
   * far show it: two linears of which no grids go together.
   *
   * @throws {SalientError} `input`, naming both.
   */
  refuseMixtures(): void {
    const format = this.#format;
    if (format === undefined || format.mixed) return;
    const [first = [], ...others] = this.#resolved.values();
    for (const other of others) {
      const pairs = first.flatMap((a) => other.map((b) => [a, b] as const));
      const refusals = pairs.map(([a, b]) => refusal(() => checkTogether(format, a, b)));
      if (refusals.length > 0 && refusals.every((error) => error !== undefined)) throw refusals[0];
    }
  }

  /** The type that the format stores a linear's scales in. */
  #scaleDtype(name: string): AffineGrid["scaleDtype"] {
    const wanted = this.#format?.scaleDtype ?? "F16";
    return wanted === "weight" ? castable(this.#linears.get(name)?.dtype ?? "F32") : wanted;
  }

  #resolve(
    options: GridOptions,
    linear: { readonly name: string; readonly shape: readonly number[] },
  ): AffineGrid {
    const rule = this.#rules.of(linear.name);
    const scaleDtype = options.scaleDtype ?? this.#scaleDtype(linear.name);
    try {
      const grid = resolveGrid({ ...options, ...rule?.grid, scaleDtype }, linear);
      const info = this.#linears.get(linear.name);
      if (info === undefined) return grid;
      this.#format?.check(info, grid);
      const known = this.#resolved.get(info.name) ?? [];
      if (!known.some((other) => equal(other.grid, grid))) known.push({ info, grid });
      this.#resolved.set(info.name, known);
      return grid;
    } catch (error) {
      throw rule === undefined ? error : byRule(error, rule);
    }
  }
}

type RunFormat = Pick<LinearFormat, "name" | "scaleDtype" | "mixed" | "check">;

function equal(a: AffineGrid, b: AffineGrid): boolean {
  return a.bits === b.bits && a.groupSize === b.groupSize;
}

/** The error with the rule that has led to it. */
function byRule(error: unknown, rule: LinearRule): unknown {
  if (!(error instanceof SalientError) || Object.keys(rule.grid).length === 0) return error;
  const { code, message, file, tensor, plugin, hook } = error;
  const place = Object.fromEntries(
    Object.entries({ file, tensor, plugin, hook }).filter(([, value]) => value !== undefined),
  );
  return new SalientError(code, `${message} (rule ${rule.match})`, { ...place, cause: error });
}

function refusal(check: () => void): unknown {
  try {
    check();
    return undefined;
  } catch (error) {
    return error;
  }
}
