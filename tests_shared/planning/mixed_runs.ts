/**
 * The runs that docs/mixed_precision.md compares, and what a budget must beat.
 *
 * @module
 */

import type { RunOptions } from "../../core/pipeline/run_options.ts";
import { awq } from "../../plugins/awq/mod.ts";
import { rtn } from "../../plugins/rtn/mod.ts";

/** A run of the comparison. */
export interface MixedRun extends Pick<RunOptions, "plugins" | "rules" | "targetBits"> {
  readonly method: "rtn" | "awq";
  readonly what: string;
}

/** Bits for each weight, and the perplexity that they give. */
export interface Point {
  readonly bits: number;
  readonly perplexity: number;
}

/** Uniform bits first, then rules, then budgets, for one method. */
export function mixedRuns(method: "rtn" | "awq", groupSize: number): MixedRun[] {
  const plugins = (bits: number) => [
    method === "awq" ? awq({ bits, groupSize }) : rtn({ bits, groupSize }),
  ];
  const uniform = [2, 3, 4, 5, 8].map((bits): MixedRun => ({
    method,
    what: `${bits} bits`,
    plugins: plugins(bits),
  }));
  const budget = (bits: number, tied: boolean): MixedRun => ({
    method,
    what: `target ${bits}${tied ? ", tied" : ""}`,
    plugins: plugins(4),
    targetBits: { bits, tied },
  });
  return [
    ...uniform,
    {
      method,
      what: "3 bits, rule down 8",
      plugins: plugins(3),
      rules: [{ match: "*.down_proj", bits: 8 }],
    },
    {
      method,
      what: "3 bits, rule v 8",
      plugins: plugins(3),
      rules: [{ match: "*.v_proj", bits: 8 }],
    },
    budget(3.5, false),
    budget(3.5, true),
    budget(4, false),
    budget(4, true),
  ];
}

/**
 * The perplexity that mixing two uniform models of neighbouring sizes at random would give at a size: the excess
 * of the mean loss over the original's, interpolated geometrically (the loss falls about so with bits, and
 * the straight line would be easier to beat).
 */
export function interpolate(
  uniform: readonly Point[],
  original: number,
  bits: number,
): number | undefined {
  const above = uniform.findIndex((point) => point.bits >= bits);
  const [low, high] = [uniform[above - 1], uniform[above]];
  if (low === undefined || high === undefined) return undefined;
  const part = (bits - low.bits) / (high.bits - low.bits);
  const excess = ({ perplexity }: Point): number => Math.log(perplexity / original);
  return original * Math.exp(excess(low) ** (1 - part) * excess(high) ** part);
}
