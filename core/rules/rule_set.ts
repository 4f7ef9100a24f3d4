/**
 * Rules as they apply to the linears of a model.
 *
 * @module
 */

// @ts-types="@types/picomatch"
import picomatch from "picomatch";
import { showName } from "../checkpoint/show_name.ts";
import { closestName } from "../export/closest_name.ts";
import type { LinearInfo } from "../plugin.ts";
import type { LayerRule, RuleReport } from "./layer_rule.ts";

/** What the rules say of one linear, each field by the last rule that gives it. */
export interface LinearRule {
  /** Whether it stays plain. */
  readonly skip: boolean;
  /** Bits, group size and symmetry, where a rule gives them. */
  readonly grid: Readonly<Pick<LayerRule, "bits" | "groupSize" | "symmetric">>;
  /** The last rule that names it, for messages. */
  readonly match: string;
}

/** Rules, matched against a model once. */
export class RuleSet {
  /** Every rule with the number of linears that it names. */
  readonly reports: readonly RuleReport[];
  readonly #linears: readonly LinearInfo[];
  readonly #outside: readonly string[];
  readonly #byName = new Map<string, LinearRule>();

  /**
   * Matches rules.
   *
   * @param linears Every linear inside the blocks that may be quantized.
   * @param outside Names of what stays plain in any case, such as `lm_head` and routers; a rule that skips them is in
   * order.
   */
  constructor(
    rules: readonly LayerRule[],
    linears: readonly LinearInfo[],
    outside: readonly string[] = [],
  ) {
    this.#linears = linears;
    this.#outside = outside;
    this.reports = rules.map((rule) => {
      const named = matcher(rule.match);
      let count = 0;
      for (const linear of linears) {
        if (!named(linear.name) && linear.role !== rule.match) continue;
        count++;
        this.#byName.set(linear.name, merge(this.#byName.get(linear.name), rule));
      }
      return { rule, linears: count };
    });
  }

  /** What the rules say of a linear; undefined where none names it. */
  of(name: string): LinearRule | undefined {
    return this.#byName.get(name);
  }

  /** A line for each rule that names nothing, which says what might have been meant. */
  warnings(): string[] {
    return this.reports.flatMap(({ rule, linears }, index) => {
      if (linears > 0) return [];
      const shown = `Rule ${index + 1} (${showName(rule.match)})`;
      const outside = this.#outside.filter(matcher(rule.match));
      if (outside.length > 0) {
        if (rule.skip === true) return [];
        const some = outside.slice(0, 3).join(", ") + (outside.length > 3 ? " and others" : "");
        return [
          `${shown} names only ${some}, which ${
            outside.length === 1 ? "stays as it is" : "stay as they are"
          }`,
        ];
      }
      return [`${shown} names no linear: ${this.#advice(rule.match)}`];
    });
  }

  #advice(match: string): string {
    const last = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
    const endings = new Set(this.#linears.map(({ name }) => last(name)));
    const near = closestName(last(match), endings);
    if (near !== undefined) return `did you mean *.${near}?`;
    return `names look like ${this.#linears[0]?.name}`;
  }
}

function merge(before: LinearRule | undefined, rule: LayerRule): LinearRule {
  const { match, skip, ...grid } = rule;
  return {
    skip: skip ?? (Object.keys(grid).length > 0 ? false : before?.skip ?? false),
    grid: { ...before?.grid, ...grid },
    match,
  };
}

/** The longest range that `{0..31}` may be. */
const MOST_NUMBERS = 10_000;

function matcher(pattern: string): (name: string) => boolean {
  const glob = picomatch(pattern, { dot: true, expandRange: numbers });
  return (name) => glob(name);
}

/** `{0..11}` as alternatives of a regular expression. */
function numbers(from: string, to: string): string {
  const [first, last] = [Math.min(Number(from), Number(to)), Math.max(Number(from), Number(to))];
  const count = last - first + 1;
  if (!Number.isInteger(first) || !(count <= MOST_NUMBERS)) return "(?!)"; // names nothing
  return `(?:${Array.from({ length: count }, (_, i) => first + i).join("|")})`;
}
