/**
 * How activations are quantized at run time.
 *
 * @module
 */

/**
 * Activations rounded to integers before a linear: `x ~ q * scale`, q from -2^(bits-1) to 2^(bits-1) - 1, half to even.
 *
 * Two kinds are run: a scale for each token, found at run time as `max(max|x|, 1e-5) / (2^(bits-1) - 1)` of
 * its row, and one fixed scale for all of them, which calibration gave.
 */
export interface ActivationFormat {
  /** Bits of an integer, 2 to 8. */
  readonly bits: number;
  /** One scale for each token (dynamic), or one for the tensor (not dynamic). */
  readonly granularity: "token" | "tensor";
  /** Whether scales are found at run time. */
  readonly dynamic: boolean;
  /** Whether the integers lie evenly around 0. Default, and all that is run: true. */
  readonly symmetric?: boolean;
  /** The fixed scale, where `dynamic` is false. */
  readonly scale?: number;
}

/** What is wrong with an activation format, as the end of a sentence; undefined if it can be run. */
export function activationFault(format: unknown): string | undefined {
  if (typeof format !== "object" || format === null) return "is not an object";
  const { bits, granularity, dynamic, symmetric, scale } = format as Record<string, unknown>;
  if (!Number.isInteger(bits) || (bits as number) < 2 || (bits as number) > 8) {
    return `has ${String(bits)} bits: use 2 to 8`;
  }
  if (typeof dynamic !== "boolean") return "does not say whether it is dynamic";
  if (granularity !== (dynamic ? "token" : "tensor")) {
    return `has ${dynamic ? "dynamic" : "fixed"} scales for each ${String(granularity)}: use ` +
      `dynamic ones for each token or a fixed one for the tensor`;
  }
  if (symmetric !== undefined && symmetric !== true) return "is not symmetric, which alone is run";
  if (dynamic) return scale === undefined ? undefined : "has a scale, though scales are dynamic";
  // As fp32, which kernels take it in, it must be above 0 too.
  const fits = typeof scale === "number" && Math.fround(scale) > 0 && Math.fround(scale) < Infinity;
  return fits ? undefined : `has the scale ${String(scale)}: it must be finite and above 0`;
}
