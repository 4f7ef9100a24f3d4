/**
 * The refinement of the scales by gradient steps.
 *
 * @module
 */

import type { PluginContext, ScaleSet } from "../../core/plugin.ts";
import type { Candidate } from "./candidates.ts";
import type { SearchedLinear } from "./scale_search.ts";

/** Steps of the descent. */
const STEPS = 60;
/** Change of log s in the first step; later ones shrink to nothing. */
const RATE = 0.05;
/** The scales stay within this factor of where they began. */
const BOUND = 4;
/** Decay of Adam's mean and mean square (Kingma and Ba 2015). */
const [MEAN_DECAY, SQUARE_DECAY] = [0.9, 0.95];

/**
 * Goes on from a candidate by Adam on log s, with the straight-through gradient of the linears' squared output
 * error. Inputs that share a free scale move together. Returns the scales of least true error; undefined where none was
 * better than the start.
 */
export async function refineByGradient(
  set: ScaleSet,
  linears: readonly SearchedLinear[],
  candidate: Candidate,
  ctx: PluginContext,
): Promise<Candidate | undefined> {
  const { channelOf, freeChannels } = set;
  const moved = new Float64Array(freeChannels); // log of s over the start
  const mean = new Float64Array(freeChannels);
  const square = new Float64Array(freeChannels);
  let least = Infinity;
  let best: Float32Array | undefined;
  for (let step = 0; step <= STEPS; step++) {
    const scales = candidate.scales.map((scale, k) =>
      scale * Math.exp(moved[channelOf[k] ?? 0] ?? 0)
    );
    const { loss, gradient } = await slope(linears, scales, ctx);
    if (loss < least) {
      least = loss;
      best = step === 0 ? undefined : scales;
    }
    const free = new Float64Array(freeChannels);
    gradient.forEach((value, k) => {
      const channel = channelOf[k] ?? 0;
      free[channel] = (free[channel] ?? 0) + value;
    });
    const rate = RATE * (1 - step / STEPS);
    free.forEach((value, i) => {
      const m = mean[i] = MEAN_DECAY * (mean[i] ?? 0) + (1 - MEAN_DECAY) * value;
      const v = square[i] = SQUARE_DECAY * (square[i] ?? 0) + (1 - SQUARE_DECAY) * value ** 2;
      if (v === 0) return;
      const unbiased = (m / (1 - MEAN_DECAY ** (step + 1))) /
        Math.sqrt(v / (1 - SQUARE_DECAY ** (step + 1)));
      const to = (moved[i] ?? 0) - rate * unbiased;
      moved[i] = Math.min(Math.max(to, -Math.log(BOUND)), Math.log(BOUND));
    });
  }
  return best === undefined ? undefined : { ...candidate, scales: best };
}

/** The error and its gradient, summed over the linears. */
async function slope(
  linears: readonly SearchedLinear[],
  scales: Float32Array,
  ctx: PluginContext,
): Promise<{ loss: number; gradient: Float64Array }> {
  const gradient = new Float64Array(scales.length);
  let loss = 0;
  for (const { rows, share, grid, moment } of linears) {
    ctx.signal.throwIfAborted();
    const part = await ctx.ops.scaleGradient(rows, moment, grid, scales);
    loss += part.loss * share;
    part.gradient.forEach((value, k) => gradient[k] = (gradient[k] ?? 0) + value * share);
  }
  return { loss, gradient };
}
