/**
 * GPTQ: rounding in which later columns make up for the errors of earlier ones (Frantar et al., 2022).
 *
 * The columns of a weight are rounded one after the other. The error that a column leaves in the output is
 * spread over the columns that are not rounded yet, as the inputs' correlations (their Gram matrix) allow, so
 * that what remains in the end is much smaller than the sum of the single errors.
 *
 * @module
 */

import {
  type CompensatedWeight,
  definePlugin,
  type GramFactor,
  type LinearView,
  type Plugin,
  type PluginContext,
  SalientError,
} from "../../core/plugin.ts";
import { type GptqOptions, type ResolvedGptqOptions, resolveGptqOptions } from "./options.ts";
import { SiteFactors } from "./site_factors.ts";

export type { GptqOptions, RangeOptions } from "./options.ts";

/**
 * The GPTQ plugin. It only rounds, so it may follow a plugin that transforms: `[awq({ quantize: false }), gptq()]`.
 *
 * Where the Gram of a linear's inputs is not positive definite, its damping is raised tenfold, up to four times;
 * where that does not help, the linear is rounded to nearest and a warning says so.
 *
 * @throws {SalientError} `usage` where an option is unknown or out of range.
 *
 * @example Three bits, groups fitted as they are reached
 * ```ts
 * import { gptq } from "@salient/quant/plugins/gptq";
 * import assert from "node:assert/strict";
 *
 * const plugin = gptq({ bits: 3, groupSize: 64, order: "groups", groups: "dynamic" });
 * assert.equal(plugin.name, "gptq");
 * assert.throws(() => gptq({ damping: -1 }), /from 0 to 100/);
 * ```
 */
export function gptq(options: GptqOptions = {}): Plugin {
  const resolved = resolveGptqOptions(options);
  const { grid, sequential, propagate } = resolved;
  const factors = new SiteFactors(resolved);
  return definePlugin({
    name: "gptq",
    apiVersion: 1,
    options: resolved,
    sequential,
    propagate,

    setup(ctx) {
      for (const linear of ctx.model.linears) {
        const { groupSize } = ctx.grid.resolve(grid, linear);
        const fits = 256 % groupSize === 0 || groupSize === linear.shape[1];
        if (resolved.groups === "static" || fits) continue;
        throw new SalientError(
          "input",
          `Dynamic groups of gptq must divide 256 or be the whole row, those of ${linear.name} have ` +
            `${groupSize} inputs: use static groups`,
          { tensor: linear.name },
        );
      }
    },

    observe: () => ({ gram: true }),

    async quantizeLinear(linear, ctx) {
      ctx.signal.throwIfAborted();
      const { gram } = linear.statistics;
      if (gram === undefined) {
        throw new SalientError("plugin", `No inputs of ${linear.name} were observed`, {
          tensor: linear.name,
        });
      }
      const fitted = ctx.grid.resolve(grid, linear);
      const factor = await factors.of(gram, linear, fitted, ctx);
      if (factor === undefined) {
        ctx.log.warn(
          `The Gram matrix of the inputs of ${linear.name} is not positive definite: ` +
            `it was rounded to nearest instead`,
        );
        ctx.note(linear.name, { compensated: false });
        return { weight: await ctx.ops.quantize(linear.weight, fitted) };
      }
      const { weight, clipped } = await round(linear, factor, resolved, ctx);
      ctx.note(linear.name, { damping: factor.damping });
      return clipped === undefined ? { weight } : { weight, clipped };
    },

    blockDone(_report, ctx) {
      factors.release(ctx);
    },
  });
}

/** The rounding, on ranges that are searched first where that is asked for. */
async function round(
  linear: LinearView,
  factor: GramFactor,
  { grid, groups, ranges }: ResolvedGptqOptions,
  ctx: PluginContext,
): Promise<{ weight: CompensatedWeight["weight"]; clipped?: number }> {
  const fitted = ctx.grid.resolve(grid, linear);
  const { moment, weight } = linear;
  // Ranges that are fitted to the few tokens of an expert make the error on others greater (docs/experts.md).
  const isEnough = linear.expert === undefined || linear.statistics.tokens >= linear.shape[1] / 2;
  if (ranges === undefined || moment === undefined || !isEnough) {
    return { weight: (await ctx.ops.compensate(weight, factor, fitted, { groups })).weight };
  }
  const searched = await ctx.ops.searchRanges(weight, moment, fitted, ranges);
  using found = searched.weight;
  const clipped = searched.clipped / found.scales.size;
  const rounded = await ctx.ops.compensate(weight, factor, fitted, { ranges: found });
  return { weight: rounded.weight, clipped };
}
