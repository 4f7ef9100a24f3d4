/**
 * The factor of a Gram, made once for the linears that share it.
 *
 * @module
 */

import type {
  AffineGrid,
  GramFactor,
  LinearView,
  PluginContext,
  Tensor,
} from "../../core/plugin.ts";
import type { ResolvedGptqOptions } from "./options.ts";

/** What a run has at hand. */
interface Slot {
  readonly gram: Tensor;
  readonly groupSize: number;
  readonly factor: GramFactor | undefined;
}

/** How often the damping is raised: from 0.01 to 100. */
const TRIES = 5;

/**
 * Holds one factor for each run, that of the last Gram asked for: q, k and v come one after the other and share
 * their input. Runs are told apart by their model, since one plugin may serve several at a time.
 */
export class SiteFactors {
  readonly #options: ResolvedGptqOptions;
  readonly #slots = new WeakMap<PluginContext["model"], Slot>();

  /** Nothing is held yet. */
  constructor(options: ResolvedGptqOptions) {
    this.#options = options;
  }

  /**
   * The factor of the Gram of a linear's inputs, which stays ours; undefined where it is not positive definite.
   *
   * An expert sees few tokens, and errors that are pushed into directions which those happen not to have come back with
   * others: its damping is at least its inputs over its tokens.
   */
  async of(
    gram: Tensor,
    linear: LinearView,
    grid: AffineGrid,
    ctx: PluginContext,
  ): Promise<GramFactor | undefined> {
    const { order } = this.#options;
    const least = linear.expert === undefined
      ? 0
      : linear.shape[1] / Math.max(1, linear.statistics.tokens);
    const damping = Math.max(this.#options.damping, least);
    const groupSize = order === "groups" ? grid.groupSize : 1;
    const held = this.#slots.get(ctx.model);
    if (held?.gram === gram && held.groupSize === groupSize) return held.factor;
    this.release(ctx);
    const options = { order, groupSize, damping, tries: damping === 0 ? TRIES + 1 : TRIES };
    const factor = await ctx.ops.factorGram(gram, options);
    this.#slots.set(ctx.model, { gram, groupSize, factor });
    return factor;
  }

  /** Frees the factor of a run. */
  release(ctx: PluginContext): void {
    this.#slots.get(ctx.model)?.factor?.[Symbol.dispose]();
    this.#slots.delete(ctx.model);
  }
}
