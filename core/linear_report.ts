/**
 * What a run reports of a linear.
 *
 * @module
 */

import type { ActivationFormat } from "./activation_format.ts";

/** One linear in the report. */
export interface LinearReport {
  /** Full name. */
  readonly name: string;
  /** The plugin that quantized it, or `"none"`. */
  readonly method: string;
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /**
   * ||X (W - Q)^T||^2 / ||X W^T||^2 on the calibration inputs; the same with X = identity where
   * nothing was observed.
   */
  readonly error: number;
  /** The same for plain rounding of the original weight on the same grid. */
  readonly rtnError: number;
  /** How the activations before it are quantized; null where they stay as they are. */
  readonly activation: ActivationFormat | null;
  /**
   * As `error`, with the activations quantized as well: ||Q(X) Q^T - X W^T||^2 / ||X W^T||^2 on the sampled inputs; null
   * where activations stay as they are, or no sample was observed.
   */
  readonly activationError: number | null;
  /** Exponent of the scale search, where there was one. */
  readonly scaleExponent: number | null;
  /** Share of groups that were clipped, 0 to 1. */
  readonly clipped: number;
  /** Whatever else plugins noted. */
  readonly notes: Readonly<Record<string, number | string | boolean>>;
}
