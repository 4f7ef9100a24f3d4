/**
 * Makes plugins.
 *
 * @module
 */

import type { Plugin } from "./plugin.ts";

/**
 * Returns the plugin as given; it is there for its types.
 *
 * @example A plugin that rounds to nearest
 * ```ts
 * import { definePlugin } from "@salient/quant/plugin";
 * import assert from "node:assert/strict";
 *
 * const plugin = definePlugin({
 *   name: "nearest",
 *   apiVersion: 1,
 *   async quantizeLinear(linear, ctx) {
 *     const grid = ctx.grid.resolve({ bits: 4, groupSize: 32 }, linear);
 *     return { weight: await ctx.ops.quantize(linear.weight, grid) };
 *   },
 * });
 * assert.equal(plugin.name, "nearest");
 * ```
 */
export function definePlugin(plugin: Plugin): Plugin {
  return plugin;
}
