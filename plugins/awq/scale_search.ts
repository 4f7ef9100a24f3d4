/**
 * The search for a set's scales.
 *
 * @module
 */

import {
  type AffineGrid,
  type BlockView,
  type InputMoment,
  type LinearView,
  type PluginContext,
  SalientError,
  type ScaleSet,
} from "../../core/plugin.ts";
import { type Candidate, makeCandidates, tie } from "./candidates.ts";
import { refineChannels } from "./channel_search.ts";
import { gramLosses } from "./gram_objective.ts";
import { moduleLosses } from "./module_objective.ts";
import type { ResolvedAwqOptions } from "./options.ts";

/** A linear of a set, with all that the search needs of it. */
export interface SearchedLinear {
  readonly view: LinearView;
  readonly grid: AffineGrid;
  readonly moment: InputMoment;
}

/** What the search found for a set. */
export interface ScaleChoice {
  /** The best scales; the identity where nothing was better. */
  readonly scales: Float32Array;
  /** Exponent of the best candidate. */
  readonly exponent: number;
  /** Whether the best candidate has the weight term. */
  readonly weightTerm: boolean;
  /** Whether the identity was kept. */
  readonly identity: boolean;
  /** The objective at the best scales. */
  readonly loss: number;
  /** The objective without scales. */
  readonly identityLoss: number;
}

/**
 * Tries every candidate on the set and returns the best one: the identity unless another is better.
 *
 * @throws {SalientError} `input` where the set's statistics or weights are not finite.
 */
export async function searchScales(
  block: BlockView,
  set: ScaleSet,
  options: ResolvedAwqOptions,
  ctx: PluginContext,
): Promise<ScaleChoice> {
  const linears = set.linears.map((name) => searched(block.linear(name), options, ctx));
  const candidates = await candidatesOf(set, linears, options, ctx);
  const byModule = options.objective === "module" && set.module !== undefined;
  const losses = byModule
    ? await moduleLosses(block, set, linears, candidates, ctx)
    : await gramLosses(linears, candidates, ctx);

  const identityLoss = losses[0] ?? NaN;
  if (!Number.isFinite(identityLoss)) {
    throw new SalientError(
      "input",
      `The error of ${set.name} is not finite: check its weights and the calibration text for NaN`,
      { tensor: set.linears[0] ?? set.name },
    );
  }
  let best = 0;
  losses.forEach((loss, i) => {
    if (loss < (losses[best] ?? Infinity)) best = i;
  });
  const { scales, exponent, weightTerm } = candidates[best] as Candidate;
  const choice: ScaleChoice = {
    scales,
    exponent,
    weightTerm,
    identity: best === 0,
    loss: losses[best] ?? identityLoss,
    identityLoss,
  };
  if (options.search === "grid") return choice;
  return await refineChannels(block, set, linears, choice, byModule, ctx);
}

function searched(
  view: LinearView,
  options: ResolvedAwqOptions,
  ctx: PluginContext,
): SearchedLinear {
  if (view.moment === undefined) {
    throw new SalientError("plugin", `No inputs of ${view.name} were observed`, {
      tensor: view.name,
    });
  }
  return { view, grid: ctx.grid.resolve(options.grid, view), moment: view.moment };
}

async function candidatesOf(
  set: ScaleSet,
  linears: readonly SearchedLinear[],
  options: ResolvedAwqOptions,
  ctx: PluginContext,
): Promise<Candidate[]> {
  const observed = linears[0]?.view.statistics.absMean ?? new Float32Array(set.channels);
  const absMean = tie(observed, set.channelOf, set.freeChannels);
  const weightMean = options.weightTerms.includes(true)
    ? tie(await meanWeight(linears, set.channels, ctx), set.channelOf, set.freeChannels)
    : undefined;
  return makeCandidates(absMean, weightMean, options.gridPoints, options.weightTerms);
}

/** Mean over the rows of all linears of the set of |w| relative to its group's largest: [K]. */
async function meanWeight(
  linears: readonly SearchedLinear[],
  channels: number,
  ctx: PluginContext,
): Promise<Float32Array> {
  const mean = new Float32Array(channels);
  const rows = linears.reduce((sum, { view }) => sum + view.shape[0], 0);
  for (const { view, grid } of linears) {
    ctx.signal.throwIfAborted();
    const part = await ctx.ops.relativeMagnitude(view.weight, grid.groupSize);
    part.forEach((value, k) => mean[k] = (mean[k] ?? 0) + value * view.shape[0] / rows);
  }
  return mean;
}
