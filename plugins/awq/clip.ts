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
 * Rounds with the clip bounds that the search finds, or without them where that is better: the search
 * looks at each group alone (the Gram's diagonal blocks), the comparison at the whole row.
 */
export async function quantizeClipped(
  linear: LinearView,
  grid: AffineGrid,
  options: Required<ClipOptions>,
  ctx: PluginContext,
): Promise<QuantizedLinear> {
  const { ops } = ctx;
  const { moment, weight } = linear;
  const plain = await ops.quantize(weight, grid);
  if (moment === undefined) return { weight: plain, clipped: 0 };
  ctx.signal.throwIfAborted();
  using found = await ops.clipSearch(weight, moment, grid, options);
  if (found.clipped === 0) return { weight: plain, clipped: 0 };

  const clipped = await ops.quantize(weight, grid, { bounds: found.bounds });
  const plainLoss = await ops.quantizationLoss(weight, moment, plain);
  const clippedLoss = await ops.quantizationLoss(weight, moment, clipped);
  const better = clippedLoss < plainLoss;
  ctx.note(linear.name, { clipGain: better ? 1 - clippedLoss / plainLoss : 0 });
  if (!better) {
    clipped[Symbol.dispose]();
    return { weight: plain, clipped: 0 };
  }
  plain[Symbol.dispose]();
  return { weight: clipped, clipped: found.clipped / found.bounds.size };
}
