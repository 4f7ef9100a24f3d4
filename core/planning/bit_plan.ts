/**
 * What a plan of bits is.
 *
 * @module
 */

import type { LayerRule } from "../rules/layer_rule.ts";

/** One linear of a plan. */
export interface PlannedLinear {
  /** Full name. */
  readonly name: string;
  /** The bits that it gets. */
  readonly bits: number;
  /** The error of each number of bits that was to be chosen from, as the plan counts it. */
  readonly errors: readonly { readonly bits: number; readonly error: number }[];
}

/** Bits for each linear under a budget. */
export interface BitPlan {
  /** Bits for each weight that were asked for, scales and zero points included. */
  readonly targetBits: number;
  /** What the plan takes. */
  readonly bitsPerWeight: number;
  /**
   * Predicted error: the sum over the linears of the relative error of their block's output. Comparable
   * between plans of one model.
   */
  readonly error: number;
  /** No plan within the budget has a smaller one; equal to `error` where the plan is the best there is. */
  readonly bound: number;
  /** Time taken, in seconds. */
  readonly seconds: number;
  /** The linears, in order. */
  readonly linears: readonly PlannedLinear[];
  /** The plan as rules: the bits of each linear by its full name. */
  readonly rules: readonly LayerRule[];
}
