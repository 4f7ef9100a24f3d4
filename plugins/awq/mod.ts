/**
 * AWQ: activation-aware weight quantization (Lin et al., MLSys 2024).
 *
 * About one channel in a hundred matters far more than the rest, and the activations say which. AWQ
 * multiplies the weights of a channel by s before rounding and divides its activations by s, which leaves the model
 * as it is and makes the rounding error of large channels small. s = mean|x|^a; the exponent a is searched for
 * each set of linears that share an input. Then weights are clipped where that lowers the error.
 *
 * @module
 */

import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { mayClip, quantizeClipped } from "./clip.ts";
import { chooseMoment } from "./moment.ts";
import { type AwqOptions, resolveAwqOptions } from "./options.ts";
import { searchScales } from "./scale_search.ts";

export type { AwqOptions, ClipOptions } from "./options.ts";

/**
 * The AWQ plugin.
 *
 * It goes further than the published tools in four ways. The identity is always a candidate, and no clipping
 * raises the error of a row, so that on the calibration inputs no set of linears is worse off than with plain
 * rounding, as far as the outputs show that candidates are compared on (all of them up to 480). a = 1 is tried too, and the best candidates are compared as they will be after clipping. Clipping moves the
 * two ends of a range apart from each other and looks at the error of the whole row. And the scales of o_proj are
 * searched under grouped-query attention as well, with equal factors for the inputs that come from one row of v_proj.
 * `{ objective: "module", clip: { sweeps: 0 } }` is close to what was published.
 *
 * @throws {SalientError} `usage` where an option is unknown or out of range.
 *
 * @example Three bits, with the published objective
 * ```ts
 * import { awq } from "@salient/quant/plugins/awq";
 * import assert from "node:assert/strict";
 *
 * const plugin = awq({ bits: 3, groupSize: 64, objective: "module" });
 * assert.equal(plugin.name, "awq");
 * assert.throws(() => awq({ gridPoints: 1 }), /from 2 to 1000/);
 * ```
 */
export function awq(options: AwqOptions = {}): Plugin {
  const resolved = resolveAwqOptions(options);
  const { grid, clip } = resolved;
  return definePlugin({
    name: "awq",
    apiVersion: 1,
    options: resolved,

    setup(ctx) {
      for (const linear of ctx.model.linears) ctx.grid.resolve(grid, linear);
    },

    observe(linear) {
      const moment = resolved.search === "channel"
        ? { gram: true }
        : chooseMoment(linear.shape[1], resolved.tokens);
      const sequences = resolved.objective === "module" ? { sequences: resolved.sequences } : {};
      return { absMean: true, ...moment, ...sequences };
    },

    async transformBlock(block, ctx) {
      for (const set of block.scaleSets) {
        ctx.signal.throwIfAborted();
        const choice = await searchScales(block, set, resolved, ctx);
        if (!choice.identity) await block.foldScales(set, choice.scales);
        for (const name of set.linears) {
          ctx.note(name, {
            scaleExponent: choice.exponent,
            weightTerm: choice.weightTerm,
            kept: choice.identity ? "identity" : "scaled",
            setLoss: choice.loss,
            identityLoss: choice.identityLoss,
            ...(choice.refinement === undefined ? {} : {
              refineSeconds: choice.refinement.seconds,
              refineGain: choice.refinement.gain,
            }),
          });
        }
      }
    },

    ...(resolved.quantize
      ? {
        async quantizeLinear(linear, ctx) {
          ctx.signal.throwIfAborted();
          const fitted = ctx.grid.resolve(grid, linear);
          const { moment, weight } = linear;
          if (clip === undefined || moment === undefined || !mayClip(linear.role)) {
            return { weight: await ctx.ops.quantize(weight, fitted) };
          }
          return await quantizeClipped(ctx.ops, weight, moment, fitted, clip);
        },
      }
      : {}),
  });
}
