/**
 * The refinement of the scales channel by channel.
 *
 * @module
 */

import {
  type BlockView,
  type InputMoment,
  type PluginContext,
  SalientError,
  type ScaleSet,
  type Tensor,
} from "../../core/plugin.ts";
import { moduleLosses } from "./module_objective.ts";
import type { ScaleChoice, SearchedLinear } from "./scale_search.ts";

/** What a channel's scale is multiplied by: 0.5 to 1.5 without 1. */
const FACTORS = Float32Array.of(0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3, 1.4, 1.5);

/**
 * Goes on from the grid's best by coordinate descent on the Gram: for each channel the factor of 0.5 to
 * 1.5 that lowers the error most. Under the `"module"` objective the result is kept only where the module's
 * error is lower too.
 */
export async function refineChannels(
  block: BlockView,
  set: ScaleSet,
  linears: readonly SearchedLinear[],
  choice: ScaleChoice,
  byModule: boolean,
  ctx: PluginContext,
): Promise<ScaleChoice> {
  const first = linears[0];
  if (first === undefined) return choice;
  ctx.signal.throwIfAborted();
  const refined = await ctx.ops.refineScales(
    linears.map(({ view }) => view.weight),
    gramOf(first.moment, first.view.name),
    first.grid,
    choice.scales,
    { factors: FACTORS, channelOf: set.channelOf },
  );
  if (!(refined.loss < refined.initialLoss)) return choice;
  let loss = refined.loss;
  if (byModule) {
    const { exponent, weightTerm } = choice;
    const candidate = { exponent, weightTerm, scales: refined.s };
    loss = (await moduleLosses(block, set, linears, [candidate], ctx))[0] ?? Infinity;
    if (!(loss < choice.loss)) return choice;
  }
  return { ...choice, scales: refined.s, identity: false, loss };
}

function gramOf(moment: InputMoment, name: string): Tensor {
  if (moment.kind === "gram") return moment.gram;
  throw new SalientError("plugin", `The channel search needs the Gram matrix of ${name}`, {
    tensor: name,
  });
}
