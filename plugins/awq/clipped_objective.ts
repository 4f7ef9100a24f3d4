/**
 * The error of the linears' outputs that is left after clipping.
 *
 * @module
 */

import type { InputMoment, Ops, PluginContext } from "../../core/plugin.ts";
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
  for (const { view, grid, moment } of linears) {
    if (!mayClip(view.role)) continue;
    for (const [i, { scales }] of candidates.entries()) {
      ctx.signal.throwIfAborted();
      using weight = await ctx.ops.scaleColumns(view.weight, scales);
      using scaled = await divideMoment(ctx.ops, moment, scales);
      const quantized = await quantizeClipped(ctx.ops, weight, scaled.moment, grid, clip);
      using rounded = quantized.weight;
      const loss = await ctx.ops.quantizationLoss(weight, scaled.moment, rounded);
      losses[i] = (losses[i] ?? 0) + loss;
    }
  }
  return losses;
}

interface OwnedMoment extends Disposable {
  readonly moment: InputMoment;
}

/** A copy of what is known of the inputs X, for X / s. */
async function divideMoment(
  ops: Ops,
  moment: InputMoment,
  s: Float32Array,
): Promise<OwnedMoment> {
  const inverse = s.map((scale) => 1 / scale);
  if (moment.kind === "tokens") {
    const sample = await ops.scaleColumns(moment.sample, inverse);
    return {
      moment: { ...moment, sample },
      [Symbol.dispose]: () => sample[Symbol.dispose](),
    };
  }
  const gram = await ops.cast(moment.gram, "F32");
  await ops.scaleGram(gram, inverse);
  return { moment: { kind: "gram", gram }, [Symbol.dispose]: () => gram[Symbol.dispose]() };
}
