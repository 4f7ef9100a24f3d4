/**
 * The format of a linear's activations.
 *
 * @module
 */

import type { ActivationFormat } from "../../core/plugin.ts";
import type { ResolvedSmoothQuantOptions } from "./options.ts";

/** Bits of an activation, and the least range of its scale. */
const BITS = 8;
const LEAST_RANGE = 1e-5;

/**
 * The format that the options ask for; undefined where activations stay as they are.
 *
 * @param absMax [K] largest |x| of each input, which a fixed scale is taken from.
 */
export function activationOf(
  { activations }: Pick<ResolvedSmoothQuantOptions, "activations">,
  absMax: Float32Array | undefined,
): ActivationFormat | undefined {
  if (activations === "none") return undefined;
  if (activations === "dynamic") return { bits: BITS, granularity: "token", dynamic: true };
  const largest = absMax?.reduce((most, value) => Math.max(most, value), 0) ?? 0;
  const scale = Math.max(largest, LEAST_RANGE) / (2 ** (BITS - 1) - 1);
  return { bits: BITS, granularity: "tensor", dynamic: false, scale };
}
