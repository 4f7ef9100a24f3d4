/**
 * The clip search and the final rounding.
 *
 * @module
 */

import type { AffineGrid, LinearView, PluginContext, QuantizedLinear } from "../../core/plugin.ts";
import type { ClipOptions } from "./options.ts";

/**
 * Whether a linear's weights may be clipped. The output of q and k goes through a product of two of them
 * and a softmax, so that the error of their own output says little about the error it causes.
 */
export function mayClip(role: string): boolean {
  return role !== "q" && role !== "k";
}

/**
 * Rounds with the ranges that the search finds: never with a greater squared error of the linear's output than
 * on the plain ones.
 */
export async function quantizeClipped(
  linear: LinearView,
  grid: AffineGrid,
  options: Required<ClipOptions>,
  ctx: PluginContext,
): Promise<QuantizedLinear> {
  const { moment, weight } = linear;
  if (moment === undefined) return { weight: await ctx.ops.quantize(weight, grid), clipped: 0 };
  if (options.sweeps === 0) return await quantizeBounded(linear, grid, options, ctx);
  const found = await ctx.ops.searchRanges(weight, moment, grid, options);
  return { weight: found.weight, clipped: found.clipped / found.weight.scales.size };
}

/**
 * The published search. It looks at each group by itself (the Gram's diagonal blocks), so its bounds are
 * dropped if the error of the whole linear is not lower with them.
 */
async function quantizeBounded(
  linear: LinearView,
  grid: AffineGrid,
  options: Required<ClipOptions>,
  ctx: PluginContext,
): Promise<QuantizedLinear> {
  const { ops } = ctx;
  const { moment, weight } = linear;
  const plain = await ops.quantize(weight, grid);
  if (moment === undefined) return { weight: plain, clipped: 0 };
  using found = await ops.clipSearch(weight, moment, grid, options);
  if (found.clipped === 0) return { weight: plain, clipped: 0 };
  const clipped = await ops.quantize(weight, grid, { bounds: found.bounds });
  const plainLoss = await ops.quantizationLoss(weight, moment, plain);
  const clippedLoss = await ops.quantizationLoss(weight, moment, clipped);
  if (!(clippedLoss < plainLoss)) {
    clipped[Symbol.dispose]();
    return { weight: plain, clipped: 0 };
  }
  plain[Symbol.dispose]();
  return { weight: clipped, clipped: found.clipped / found.bounds.size };
}
