/**
 * The error of the linears' outputs that is left after clipping.
 *
 * @module
 */

import type { InputMoment, Ops, PluginContext, Tensor } from "../../core/plugin.ts";
import type { Candidate } from "./candidates.ts";
import { mayClip, quantizeClipped } from "./clip.ts";
import { gramLosses } from "./gram_objective.ts";
import type { ClipOptions } from "./options.ts";
import type { SearchedLinear } from "./scale_search.ts";

/**
 * As the Gram objective, but of the weights as they will be: scaled, clipped where they may be, and rounded.
 * Clipping takes over much of what scaling does, so the best scales with it are not the best without.
 */
export async function clippedLosses(
  linears: readonly SearchedLinear[],
  candidates: readonly Candidate[],
  clip: Required<ClipOptions>,
  ctx: PluginContext,
): Promise<Float64Array> {
  const unclipped = linears.filter(({ view }) => !mayClip(view.role));
  const losses = await gramLosses(unclipped, candidates, ctx);
  const once = { ...clip, sweeps: Math.min(clip.sweeps, 1) };
  const clipped = linears.filter(({ view }) => mayClip(view.role));
  for (const [i, { scales }] of candidates.entries()) {
    using divided = new DividedMoments(ctx.ops, scales);
    for (const { rows, share, grid, moment } of clipped) {
      ctx.signal.throwIfAborted();
      using weight = await ctx.ops.scaleColumns(rows, scales);
      const inputs = await divided.of(moment);
      const quantized = await quantizeClipped(ctx.ops, weight, inputs, grid, once);
      using rounded = quantized.weight;
      const loss = await ctx.ops.quantizationLoss(weight, inputs, rounded);
      losses[i] = (losses[i] ?? 0) + loss * share;
    }
  }
  return losses;
}

/** Copies of what is known of the inputs X, for X / s; linears with one input share theirs. */
class DividedMoments implements Disposable {
  readonly #ops: Ops;
  readonly #inverse: Float32Array;
  readonly #made = new Map<Tensor, Tensor>();

  constructor(ops: Ops, s: Float32Array) {
    this.#ops = ops;
    this.#inverse = s.map((scale) => 1 / scale);
  }

  async of(moment: InputMoment): Promise<InputMoment> {
    if (moment.kind === "gram") {
      const gram = this.#made.get(moment.gram) ?? await this.#divideGram(moment.gram);
      return { kind: "gram", gram };
    }
    const sample = this.#made.get(moment.sample) ?? await this.#divideSample(moment.sample);
    return { ...moment, sample };
  }

  async #divideGram(gram: Tensor): Promise<Tensor> {
    const copy = await this.#ops.cast(gram, "F32");
    this.#made.set(gram, copy);
    await this.#ops.scaleGram(copy, this.#inverse);
    return copy;
  }

  async #divideSample(sample: Tensor): Promise<Tensor> {
    const copy = await this.#ops.scaleColumns(sample, this.#inverse);
    this.#made.set(sample, copy);
    return copy;
  }

  [Symbol.dispose](): void {
    for (const copy of this.#made.values()) copy[Symbol.dispose]();
  }
}
