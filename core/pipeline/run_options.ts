/**
 * What every run takes.
 *
 * @module
 */

import type { Backend } from "../backend.ts";
import type { CalibrationSet } from "../calibration/types.ts";
import type { Model } from "../model/model.ts";
import type { Plugin } from "../plugin.ts";
import type { TargetBits } from "../planning/target_bits.ts";
import type { LayerRule } from "../rules/layer_rule.ts";
import type { EventListener } from "./events.ts";

/** What every run takes, whether it writes a checkpoint or keeps the result in memory. */
export interface RunOptions {
  /** The model, or the directory of one. It must be plain. */
  readonly model: Model | string;
  /** The backend; that of the model if it is open. */
  readonly backend: Backend;
  /** The plugins. They run in this order, those with `enforce` before or after the others. */
  readonly plugins: readonly Plugin[];
  /** Calibration windows; needed if a plugin observes anything. */
  readonly calibration?: CalibrationSet | undefined;
  /**
   * Bytes of memory that the run may take on top of what the program takes at rest. Default: no
   * limit. Where it is tight, windows pass in smaller batches and hidden states go to a temporary
   * file.
   */
  readonly memory?: number | undefined;
  /** Linears that stay plain: those whose full name contains one of these, for example `down_proj`. */
  readonly skip?: readonly string[] | undefined;
  /**
   * Grids for some linears, and linears that stay plain; later rules win. They hold for every plugin that
   * takes its grid from `ctx.grid.resolve`, and one that does not obey is refused.
   */
  readonly rules?: readonly LayerRule[] | undefined;
  /**
   * Average bits of a weight, scales and zero points included, for example 3.5: each linear gets the bits that
   * make the predicted error of the whole least within that. Needs calibration windows and a format that mixes
   * grids; bits that `rules` give stay. Default: every linear has the bits of the plugin.
   */
  readonly targetBits?: number | TargetBits | undefined;
  /**
   * Shows every expert every calibration token while statistics are gathered, as if all tokens went to all experts. What
   * the next block is given stays the same. No expert is left without statistics then, but they are those of tokens
   * that it will seldom see, and the windows take as many times as long as there are experts for each that a token goes
   * to. Default false.
   */
  readonly allExperts?: boolean | undefined;
  /** Seed of the plugins' random numbers. Default 0. */
  readonly seed?: number | undefined;
  /**
   * Seconds that one call of a plugin's hook may take; after them the run ends with an error that names plugin and hook.
   * A hook that never gives control back (a loop without `await`) is seen only when it does. Default: no limit.
   */
  readonly hookTimeout?: number | undefined;
  /** Ends the run: temporary files are removed, and an error with code `interrupted` is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Is told how the run goes on. */
  readonly onEvent?: EventListener | undefined;
}
