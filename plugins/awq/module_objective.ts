/**
 * The error of a whole module's output: the published search's objective.
 *
 * @module
 */

import {
  type BlockView,
  type PluginContext,
  SalientError,
  type ScaleSet,
  type Tensor,
} from "../../core/plugin.ts";
import type { Candidate } from "./candidates.ts";
import type { SearchedLinear } from "./scale_search.ts";

/** Squared error of the module's output with Q(W s) / s in place of W, for each candidate: C sums. */
export async function moduleLosses(
  block: BlockView,
  set: ScaleSet,
  linears: readonly SearchedLinear[],
  candidates: readonly Candidate[],
  ctx: PluginContext,
): Promise<Float64Array> {
  const sequences = linears[0]?.view.statistics.sequences;
  if (sequences === undefined) {
    throw new SalientError("plugin", `No sequences of ${set.name} were observed`, {
      tensor: linears[0]?.view.name ?? set.name,
    });
  }
  const { input, count } = sequences;
  using output = await block.runModule(set, input, count);
  const expected = ctx.ops.download(output);

  const losses = new Float64Array(candidates.length);
  for (const [i, { scales }] of candidates.entries()) {
    ctx.signal.throwIfAborted();
    using replaced = new Replacements();
    for (const { view, grid } of linears) {
      replaced.set(view.name, await ctx.ops.fakeQuantize(view.weight, grid, scales));
    }
    using quantized = await block.runModule(set, input, count, replaced.weights);
    losses[i] = squaredDistance(expected, ctx.ops.download(quantized));
  }
  return losses;
}

/** Weights that stand in for others, disposed together. */
class Replacements implements Disposable {
  readonly weights = new Map<string, Tensor>();

  set(name: string, weight: Tensor): void {
    this.weights.set(name, weight);
  }

  [Symbol.dispose](): void {
    for (const weight of this.weights.values()) weight[Symbol.dispose]();
  }
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return sum;
}
