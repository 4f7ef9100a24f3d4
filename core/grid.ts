/**
 * The affine grid that weights are rounded to.
 *
 * @module
 */

/**
 * How a weight [out, in] is rounded: `w ~ (q - zero) * scale`, one scale and one zero point for each
 * row and each group of `groupSize` consecutive inputs.
 *
 * Asymmetric: `scale = (max - min) / (2^bits - 1)`, `zero = clamp(round(-min / scale), 0, 2^bits - 1)`.
 * Symmetric: `scale = max|w| / (2^(bits-1) - 1)`, `zero = 2^(bits-1)`. Rounding is half to even, and the
 * scale is rounded to `scaleDtype` before the integers are chosen. A group whose range is below 1e-5 is
 * given the range 1e-5.
 */
export interface AffineGrid {
  /** Bits of an integer, 2 to 8. */
  readonly bits: number;
  /** Inputs that share a scale; divides `in`. -1 stands for the whole row until it is resolved. */
  readonly groupSize: number;
  /** Whether the zero point is fixed in the middle. */
  readonly symmetric: boolean;
  /** The type that the scales are stored in. */
  readonly scaleDtype: "F16" | "BF16" | "F32";
  /**
   * `"zero"` widens the range of an asymmetric group to hold 0, `"minmax"` does not (as llm-awq and
   * AutoAWQ; a group that lies wholly on one side of 0 then saturates).
   */
  readonly range: "zero" | "minmax";
}

/** Largest integer of a grid: `2^bits - 1`. */
export function maxCode(grid: Pick<AffineGrid, "bits">): number {
  return 2 ** grid.bits - 1;
}
