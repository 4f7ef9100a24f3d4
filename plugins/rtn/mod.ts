/**
 * Round to nearest: every weight goes to the closest point of its group's grid, with no calibration.
 *
 * It is the baseline that the other methods are measured against.
 *
 * @module
 */

import {
  checkGridOptions,
  checkOptionNames,
  definePlugin,
  type GridOptions,
  type Plugin,
} from "../../core/plugin.ts";

/** What {@linkcode rtn} takes: the grid. */
export type RtnOptions = GridOptions;

const NAMES: readonly string[] = [
  "bits",
  "groupSize",
  "symmetric",
  "scaleDtype",
  "range",
] satisfies (keyof RtnOptions)[];

/**
 * The round-to-nearest plugin. With the default range `"minmax"` it equals the published AWQ tools'
 * quantizer without search (llm-awq and AutoAWQ, `zero_point` true).
 *
 * @throws {SalientError} `usage` where an option is unknown or out of range.
 *
 * @example Three bits in groups of 64
 * ```ts
 * import { rtn } from "@salient/quant/plugins/rtn";
 * import assert from "node:assert/strict";
 *
 * const plugin = rtn({ bits: 3, groupSize: 64 });
 * assert.equal(plugin.name, "rtn");
 * assert.throws(() => rtn({ bits: 1 }), /from 2 to 8/);
 * ```
 */
export function rtn(options: RtnOptions = {}): Plugin {
  checkOptionNames("rtn", options, NAMES);
  checkGridOptions(options);
  const grid = { ...options };
  return definePlugin({
    name: "rtn",
    apiVersion: 1,
    options: grid,

    setup(ctx) {
      for (const linear of ctx.model.linears) ctx.grid.resolve(grid, linear);
    },

    async quantizeLinear(linear, ctx) {
      ctx.signal.throwIfAborted();
      return { weight: await ctx.ops.quantize(linear.weight, ctx.grid.resolve(grid, linear)) };
    },
  });
}
