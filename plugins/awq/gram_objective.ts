/**
 * The error of the linears' outputs, from what is known of their inputs.
 *
 * @module
 */

import type { PluginContext } from "../../core/plugin.ts";
import type { Candidate } from "./candidates.ts";
import type { SearchedLinear } from "./scale_search.ts";

/** The sum over the linears of ||X (W - Q(W s) / s)^T||^2 for each candidate: C sums. */
export async function gramLosses(
  linears: readonly SearchedLinear[],
  candidates: readonly Candidate[],
  ctx: PluginContext,
): Promise<Float64Array> {
  const channels = candidates[0]?.scales.length ?? 0;
  const all = new Float32Array(candidates.length * channels);
  candidates.forEach(({ scales }, i) => all.set(scales, i * channels));
  using matrix = ctx.ops.upload(all, "F32", [candidates.length, channels]);

  const losses = new Float64Array(candidates.length);
  for (const { rows, share, grid, moment } of linears) {
    ctx.signal.throwIfAborted();
    const part = await ctx.ops.scaleLosses(rows, moment, grid, matrix);
    part.forEach((loss, i) => losses[i] = (losses[i] ?? 0) + loss * share);
  }
  return losses;
}
