/**
 * Everything that is checked before bits are planned.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { LinearFormat } from "../export/types.ts";
import type { Model } from "../model/model.ts";
import { type PreparedRun, prepareRun } from "../pipeline/prepare_run.ts";
import type { RunOptions } from "../pipeline/run_options.ts";
import type { LinearInfo, Plugin } from "../plugin.ts";
import { makeMenu, type MenuItem } from "./bit_menu.ts";
import { resolveTarget } from "./target_bits.ts";

/** A plan that may be made. */
export interface PreparedPlan {
  /** The run in which errors are measured. */
  readonly run: PreparedRun;
  /** The linears that are quantized. */
  readonly linears: readonly LinearInfo[];
  /** What there is to choose from. */
  readonly menu: readonly MenuItem[];
  /** Bits for each weight that were asked for. */
  readonly targetBits: number;
  /** Weights of the linears. */
  readonly weights: number;
  /** Bits that all of them may take. */
  readonly budget: number;
}

/** What the planner asks for in a run: that there are calibration windows. */
const PLANNER: Plugin = {
  name: "bit-planner",
  apiVersion: 1,
  observe: () => ({ tokens: 1 }),
  quantizeLinear: () => undefined,
};

/**
 * Checks target, format, rules and calibration.
 *
 * @param owned Frees, with the plan, what plugins leave behind.
 * @throws {SalientError} `usage`, `input` or `plugin`
 */
export async function preparePlan(
  options: RunOptions,
  model: Model,
  format: LinearFormat | undefined,
  owned: DisposableStack,
): Promise<PreparedPlan> {
  const target = resolveTarget(options.targetBits ?? NaN);
  if (format !== undefined && !format.mixed) {
    throw new SalientError(
      "usage",
      `Format ${format.name} stores all linears on one grid: for target bits use a format that ` +
        `mixes them, such as gptq`,
    );
  }
  // What the run itself will tell is told then.
  const onEvent: RunOptions["onEvent"] = (event) => {
    if (event.type !== "plan" && event.type !== "log") options.onEvent?.(event);
  };
  const plugins = [...options.plugins, PLANNER];
  const run = await prepareRun({ ...options, plugins, onEvent }, model, format, owned);
  const { grids, rules } = run;
  const linears = model.linears.filter(({ name }) => run.quantizable.has(name));
  const menu = makeMenu({ linears, grids, rules, format, target });
  const weights = linears.reduce((sum, { shape: [n, k] }) => sum + n * k, 0);
  const budget = Math.floor(target.bits * weights);
  const least = menu.reduce((sum, { costs }) => sum + Math.min(...costs), 0);
  if (least > budget) {
    throw new SalientError(
      "usage",
      `Target bits of ${target.bits} are below ${Math.ceil(least / weights * 1000) / 1000}, the ` +
        `least that the linears take with their scales and zero points: raise them or the group size`,
    );
  }
  return { run, linears, menu, targetBits: target.bits, weights, budget };
}
