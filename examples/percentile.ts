/**
 * A plugin of a third party: rounds to nearest on a grid that ignores the largest weights of each group.
 *
 *     deno task salient quantize models/salient-tiny --plugin ./examples/percentile.ts \
 *       --group-size 32 --out out/percentile
 *
 * @module
 */

import { definePlugin, type Plugin } from "@salient/quant/plugin";

/** What the plugin takes. */
export interface PercentileOptions {
  /** Bits of an integer. */
  bits?: number;
  /** Inputs that share a scale. */
  groupSize?: number;
  /** Share of a group's weights that the grid must hold. */
  keep?: number;
}

/** Makes the plugin. */
export default function percentile(options: PercentileOptions = {}): Plugin {
  const { bits = 4, groupSize = 128, keep = 0.95 } = options;
  return definePlugin({
    name: "percentile",
    apiVersion: 1,
    setup(ctx) {
      for (const linear of ctx.model.linears) ctx.grid.resolve({ bits, groupSize }, linear);
    },
    async quantizeLinear(linear, ctx) {
      const grid = ctx.grid.resolve({ bits, groupSize }, linear);
      const weights = ctx.ops.download(linear.weight);
      const bounds = new Float32Array(weights.length / grid.groupSize);
      for (const group of bounds.keys()) {
        const start = group * grid.groupSize;
        const sizes = weights.slice(start, start + grid.groupSize).map(Math.abs).sort();
        bounds[group] = sizes[Math.floor(keep * (sizes.length - 1))] ?? 0;
      }
      const groups = linear.shape[1] / grid.groupSize;
      using clip = ctx.ops.upload(bounds, "F32", [linear.shape[0], groups]);
      return { weight: await ctx.ops.quantize(linear.weight, grid, { bounds: clip }) };
    },
  });
}
