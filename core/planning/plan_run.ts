/**
 * Plans bits for each linear under a budget.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { LinearFormat } from "../export/types.ts";
import type { Model } from "../model/model.ts";
import type { RunOptions } from "../pipeline/run_options.ts";
import { transformModel } from "../rotation/transform_model.ts";
import type { BitPlan, PlannedLinear } from "./bit_plan.ts";
import { chooseBits } from "./choose_bits.ts";
import { measureErrors } from "./measure_errors.ts";
import { preparePlan } from "./prepare_plan.ts";

/**
 * Plans for {@linkcode RunOptions.targetBits}: lets some calibration windows pass the model, measures what rounding
 * each linear to each number of bits does to the output of its block, and solves for the least sum within the budget.
 *
 * @param format The format that the run will write; undefined if its result stays in memory.
 * @throws {SalientError} `usage`, `input` or `plugin` for what is refused, before any work.
 */
export async function planRun(
  options: RunOptions,
  model: Model,
  format: LinearFormat | undefined,
): Promise<BitPlan> {
  const start = performance.now();
  using owned = new DisposableStack();
  const prepared = await preparePlan(options, model, format, owned);
  const { linears, menu, targetBits, weights, budget } = prepared;
  const run = await transformModel(prepared.run, owned);
  const errors = await measureErrors(run, menu);
  const items = menu.map((item) =>
    item.grids.map((row, choice) => ({
      bits: row[0]!.bits,
      cost: item.costs[choice]!,
      error: item.linears.reduce((sum, { name }) => sum + errors.get(name)![choice]!, 0),
    }))
  );
  const chosen = chooseBits(items, budget);
  if (chosen === undefined) throw new SalientError("failed", "No plan fits the target bits");
  const planned = new Map<string, PlannedLinear>();
  for (const [i, item] of menu.entries()) {
    const choices = items[i]!;
    const { bits } = choices[chosen.picks[i]!]!;
    for (const { name } of item.linears) {
      const own = errors.get(name)!;
      const each = choices.map(({ bits }, choice) => ({ bits, error: own[choice]! }));
      planned.set(name, { name, bits, errors: each });
    }
  }
  const inOrder = linears.map(({ name }) => planned.get(name)!);
  const isOpen = (name: string): boolean => run.rules.of(name)?.grid.bits === undefined;
  return {
    targetBits,
    bitsPerWeight: chosen.cost / weights,
    error: chosen.error,
    bound: chosen.bound,
    seconds: (performance.now() - start) / 1000,
    linears: inOrder,
    rules: inOrder.filter(({ name }) => isOpen(name)).map(({ name, bits }) => ({
      match: name,
      bits,
    })),
  };
}
