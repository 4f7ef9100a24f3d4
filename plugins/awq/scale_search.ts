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
  type Tensor,
} from "../../core/plugin.ts";
import { type Candidate, makeCandidates, tie } from "./candidates.ts";
import { refineChannels } from "./channel_search.ts";
import { mayClip } from "./clip.ts";
import { clippedLosses } from "./clipped_objective.ts";
import { refineByGradient } from "./gradient_search.ts";
import { gramLosses } from "./gram_objective.ts";
import { moduleLosses } from "./module_objective.ts";
import type { ResolvedAwqOptions } from "./options.ts";

/** Fractions of its multiples fill the unit interval evenly. */
const GOLDEN = 0.6180339887498949;

/** A linear of a set, with all that the search needs of it. */
export interface SearchedLinear {
  readonly view: LinearView;
  readonly grid: AffineGrid;
  readonly moment: InputMoment;
  /** The rows of the weight that candidates are judged by, all or a share: [n, K]. */
  readonly rows: Tensor;
  /** How many rows of the weight one of them stands for. */
  readonly share: number;
}

/** What the search found for a set. */
export interface ScaleChoice extends Candidate {
  /** Whether the identity was kept. */
  readonly identity: boolean;
  /** The objective at the chosen scales. */
  readonly loss: number;
  /** The objective without scales. */
  readonly identityLoss: number;
  /** What the search beyond the grid did, if there was one. */
  readonly refinement?: {
    /** Time that it took. */
    readonly seconds: number;
    /** By how much it lowered the objective, 0 to 1; 0 where its scales were not kept. */
    readonly gain: number;
  };
}

/** The objective at each of some candidates. */
type Objective = (candidates: readonly Candidate[]) => Promise<Float64Array>;

/**
 * Ranks all candidates, lets the best ones and the identity be judged, and returns the winner: the identity
 * unless another is better.
 *
 * @throws {SalientError} `input` where the set's statistics or weights are not finite.
 */
export async function searchScales(
  block: BlockView,
  set: ScaleSet,
  options: ResolvedAwqOptions,
  ctx: PluginContext,
): Promise<ScaleChoice> {
  using sampled = new DisposableStack();
  const linears: SearchedLinear[] = [];
  for (const name of set.linears) {
    const view = block.linear(name);
    if (view.moment === undefined && view.expert !== undefined) continue; // it saw too few tokens to have a say
    linears.push(await searched(view, options, ctx, sampled));
  }
  if (linears.length === 0) return unsearched(set);
  const candidates = await candidatesOf(set, linears, options, ctx);
  const { rank, judge } = objectivesOf(block, set, linears, options, ctx);

  const ranks = await rank(candidates);
  if (!Number.isFinite(ranks[0])) {
    throw new SalientError(
      "input",
      `The error of ${set.name} is not finite: check its weights and the calibration text for NaN`,
      { tensor: set.linears[0] ?? set.name },
    );
  }
  // The sort is stable and the identity first, so that it wins where all are equal.
  const order = [...candidates.keys()].sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0));
  const finalists = [0, ...order.slice(0, options.finalists).filter((i) => i !== 0)];
  const losses = judge === rank
    ? Float64Array.from(finalists, (i) => ranks[i] ?? Infinity)
    : await judge(finalists.map((i) => candidates[i] as Candidate));
  const best = losses.reduce((least, loss, i) => loss < (losses[least] ?? 0) ? i : least, 0);
  const choice: ScaleChoice = {
    ...candidates[finalists[best] ?? 0] as Candidate,
    identity: best === 0,
    loss: losses[best] ?? Infinity,
    identityLoss: losses[0] ?? Infinity,
  };
  if (options.search === "grid") return choice;
  const started = performance.now();
  // The channel search knows one Gram matrix; each expert has its own.
  const sites = new Set(linears.map(({ view }) => view.site));
  const refine = options.search === "channel" && sites.size === 1
    ? refineChannels
    : refineByGradient;
  const refined = await refine(set, linears, choice, ctx);
  const [loss = Infinity] = refined === undefined ? [] : await judge([refined]);
  const seconds = (performance.now() - started) / 1000;
  if (!(loss < choice.loss)) return { ...choice, refinement: { seconds, gain: 0 } };
  const refinement = { seconds, gain: 1 - loss / choice.loss };
  return { ...choice, ...refined, identity: false, loss, refinement };
}

/** The identity, of a set that nothing is known of. */
function unsearched({ channels }: ScaleSet): ScaleChoice {
  const scales = new Float32Array(channels).fill(1);
  return { scales, exponent: 0, weightTerm: false, identity: true, loss: 0, identityLoss: 0 };
}

/** What all candidates are ranked by, and what decides between the best. */
function objectivesOf(
  block: BlockView,
  set: ScaleSet,
  linears: readonly SearchedLinear[],
  { objective, clip }: ResolvedAwqOptions,
  ctx: PluginContext,
): { rank: Objective; judge: Objective } {
  if (objective === "module" && set.module !== undefined) {
    const byModule: Objective = (candidates) => moduleLosses(block, set, linears, candidates, ctx);
    return { rank: byModule, judge: byModule };
  }
  const byGram: Objective = (candidates) => gramLosses(linears, candidates, ctx);
  if (clip === undefined || !linears.some(({ view }) => mayClip(view.role))) {
    return { rank: byGram, judge: byGram };
  }
  return { rank: byGram, judge: (candidates) => clippedLosses(linears, candidates, clip, ctx) };
}

async function searched(
  view: LinearView,
  options: ResolvedAwqOptions,
  ctx: PluginContext,
  sampled: DisposableStack,
): Promise<SearchedLinear> {
  if (view.moment === undefined) {
    throw new SalientError("plugin", `No inputs of ${view.name} were observed`, {
      tensor: view.name,
    });
  }
  const outputs = view.shape[0];
  const all = outputs <= options.outputs;
  const rows = all
    ? view.weight
    : sampled.use(await ctx.ops.embed(view.weight, spreadRows(outputs, options.outputs)));
  const share = all ? 1 : outputs / options.outputs;
  return { view, grid: ctx.grid.resolve(options.grid, view), moment: view.moment, rows, share };
}

/** `count` of `outputs` rows, spread evenly but not in step with the heads. */
function spreadRows(outputs: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => {
    const shift = (i * GOLDEN) % 1;
    return Math.min(outputs - 1, Math.floor((i + shift) * outputs / count));
  });
}

async function candidatesOf(
  set: ScaleSet,
  linears: readonly SearchedLinear[],
  options: ResolvedAwqOptions,
  ctx: PluginContext,
): Promise<Candidate[]> {
  const absMean = tie(meanInput(linears, set.channels), set.channelOf, set.freeChannels);
  const weightMean = options.weightTerms.includes(true)
    ? tie(await meanWeight(linears, set.channels, ctx), set.channelOf, set.freeChannels)
    : undefined;
  return makeCandidates(absMean, weightMean, options.gridPoints, options.weightTerms);
}

/** Mean of |x| over all tokens that the sites of the set have seen: [K]. */
function meanInput(linears: readonly SearchedLinear[], channels: number): Float32Array {
  const sites = new Map(linears.map(({ view }) => [view.site, view.statistics]));
  if (sites.size === 1) {
    return linears[0]?.view.statistics.absMean ?? new Float32Array(channels);
  }
  const sum = new Float64Array(channels);
  let total = 0;
  for (const { absMean, tokens } of sites.values()) {
    total += tokens;
    absMean?.forEach((value, k) => sum[k] = (sum[k] ?? 0) + value * tokens);
  }
  return Float32Array.from(sum, (value) => value / Math.max(1, total));
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
