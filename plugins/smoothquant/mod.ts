/**
 * SmoothQuant: weights and activations in 8 bits (Xiao et al., ICML 2023).
 *
 * A few channels of the activations are many times larger than the others and take the range of an 8-bit integer for
 * themselves. SmoothQuant divides the activations of each channel by s and multiplies the weights by it, which leaves the
 * model as it is and shares the difficulty between the two: s = max|x|^alpha / max|w|^(1 - alpha).
 *
 * @module
 */

import {
  type BlockView,
  definePlugin,
  type LinearView,
  type Observation,
  type Plugin,
  type PluginContext,
  SalientError,
  type ScaleSet,
} from "../../core/plugin.ts";
import { activationOf } from "./activation_of.ts";
import { type AlphaChoice, searchAlpha } from "./alpha_search.ts";
import { columnMagnitudes } from "./column_magnitudes.ts";
import { smoothingFactors } from "./factors.ts";
import {
  type ResolvedSmoothQuantOptions,
  resolveSmoothQuantOptions,
  type SmoothedSet,
  type SmoothQuantOptions,
} from "./options.ts";

export type { SmoothedSet, SmoothQuantOptions } from "./options.ts";

/**
 * The SmoothQuant plugin. It smooths, rounds weights to 8 bits with one scale for each row, and asks for 8-bit activations: a
 * model that it made runs on products of integers.
 *
 * With `quantize: false` it only smooths, for a plugin that follows: `[smoothquant({ quantize: false, activations: "dynamic" }),
 * awq({ bits: 4, symmetric: true })]` has 4-bit weights by AWQ and 8-bit activations.
 *
 * @throws {SalientError} `usage` where an option is unknown or out of range.
 *
 * @example Alpha by search, and a fixed scale for the activations of each linear
 * ```ts
 * import { smoothquant } from "@salient/quant/plugins/smoothquant";
 * import assert from "node:assert/strict";
 *
 * const plugin = smoothquant({ alpha: "search", activations: "static" });
 * assert.equal(plugin.name, "smoothquant");
 * assert.throws(() => smoothquant({ alpha: 2 }), /from 0 to 1/);
 * ```
 */
export function smoothquant(options: SmoothQuantOptions = {}): Plugin {
  const resolved = resolveSmoothQuantOptions(options);
  const { alpha, quantize, activations, tokens, grid } = resolved;
  return definePlugin({
    name: "smoothquant",
    apiVersion: 1,
    options: resolved,

    setup(ctx) {
      const expert = ctx.model.linears.find((linear) => linear.expert !== undefined);
      if (activations === "static" && expert !== undefined) {
        throw new SalientError(
          "input",
          `Activations of experts need a scale for each token, since some see no calibration token and engines read no ` +
            `fixed one for them: use activations dynamic, not static`,
          { tensor: expert.name },
        );
      }
      if (!quantize) return;
      for (const linear of ctx.model.linears) ctx.grid.resolve(grid, linear);
    },

    observe(): Observation {
      const sampled = alpha === "search" || activations !== "none";
      return { absMax: true, ...(sampled ? { tokens } : {}) };
    },

    async transformBlock(block, ctx) {
      for (const set of block.scaleSets) {
        ctx.signal.throwIfAborted();
        if (!resolved.sets.includes(kindOf(block, set))) continue;
        await smooth(block, set, resolved, ctx);
      }
    },

    ...(quantize
      ? {
        async quantizeLinear(linear, ctx) {
          ctx.signal.throwIfAborted();
          return { weight: await ctx.ops.quantize(linear.weight, ctx.grid.resolve(grid, linear)) };
        },
      }
      : {}),

    ...(activations === "none"
      ? {}
      : { quantizeActivation: (linear) => activationOf(resolved, linear.statistics.absMax) }),
  });
}

/**
 * Which of the four places a set is. Where one norm stands before both halves of a block its set is attention's; so
 * are those of norms inside of attention. That before experts is the MLP's.
 */
function kindOf(block: BlockView, set: ScaleSet): SmoothedSet {
  const [first] = set.linears;
  const role = first === undefined ? "" : block.linear(first).role;
  if (set.source.kind === "linear") return role === "o" ? "output" : "down";
  return set.module ?? (["gate", "up", "gateUp"].includes(role) ? "mlp" : "attention");
}

async function smooth(
  block: BlockView,
  set: ScaleSet,
  options: ResolvedSmoothQuantOptions,
  ctx: PluginContext,
): Promise<void> {
  const linears = set.linears.map((name) => block.linear(name));
  const inputs = largestInput(linears, set.channels);
  const weights = await columnMagnitudes(
    ctx.ops,
    linears.map(({ weight }) => weight),
    set.channels,
  );
  const factorsOf = (alpha: number): Float32Array =>
    smoothingFactors(inputs, weights, alpha, set.channelOf);
  const { alpha } = options;
  const choice = alpha === "search"
    ? await searchAlpha(block, set, options, factorsOf, ctx)
    : { alpha, factors: factorsOf(alpha) };
  if (choice.alpha !== null) await block.foldScales(set, choice.factors);
  for (const name of set.linears) ctx.note(name, notesOf(choice));
}

/** Largest |x| of each channel at any site of the set: [K]. */
function largestInput(linears: readonly LinearView[], channels: number): Float32Array {
  const largest = new Float32Array(channels);
  for (const statistics of new Map(linears.map((view) => [view.site, view.statistics])).values()) {
    statistics.absMax?.forEach((value, k) => largest[k] = Math.max(largest[k] ?? 0, value));
  }
  return largest;
}

function notesOf(
  choice: Pick<AlphaChoice, "alpha"> & Partial<AlphaChoice>,
): Record<string, number | string> {
  const { alpha, loss, identityLoss } = choice;
  return {
    smoothing: alpha ?? "none",
    ...(loss === undefined || identityLoss === undefined ? {} : { setLoss: loss, identityLoss }),
  };
}
