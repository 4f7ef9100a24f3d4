/**
 * Helpers for grids and their options, given to plugins as `ctx.grid`.
 *
 * @module
 */

import { SalientError } from "./errors.ts";
import type { AffineGrid } from "./grid.ts";

/** A grid as users give it. Everything has a default. */
export interface GridOptions {
  /** Bits of an integer, 2 to 8. Default 4. */
  bits?: number;
  /** Inputs that share a scale; -1 for the whole row. Default 128. */
  groupSize?: number;
  /** Fixed zero point in the middle. Default false. */
  symmetric?: boolean;
  /** Type that scales are stored in. Default F16. */
  scaleDtype?: "F16" | "BF16" | "F32";
  /** Whether the range of an asymmetric group always holds 0. Default `"minmax"`. */
  range?: "zero" | "minmax";
}

/** What `ctx.grid` offers. */
export interface GridHelpers {
  /** The grid for a linear; throws an input error that names it where the options do not fit. */
  resolve(
    options: GridOptions,
    linear: { readonly name: string; readonly shape: readonly number[] },
  ): AffineGrid;
}

/** The grid for a linear, with every default filled in and `groupSize` resolved. */
export function resolveGrid(
  options: GridOptions,
  linear: { readonly name: string; readonly shape: readonly number[] },
): AffineGrid {
  const bits = options.bits ?? 4;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new SalientError("usage", `Bits must be a whole number from 2 to 8 but is ${bits}`);
  }
  const inputs = linear.shape[1] ?? 0;
  const wanted = options.groupSize ?? 128;
  if (!Number.isInteger(wanted) || wanted < -1 || wanted === 0) {
    throw new SalientError(
      "usage",
      `Group size must be a positive whole number, or -1 for the whole row, but is ${wanted}`,
    );
  }
  const groupSize = wanted === -1 ? inputs : wanted;
  if (inputs % groupSize !== 0) {
    const fitting = [128, 64, 32, 16, 8].filter((size) => inputs % size === 0);
    const advice = fitting.length > 0 ? `use ${fitting.join(", ")} or -1` : "use -1";
    throw new SalientError(
      "input",
      `Group size ${groupSize} does not divide the ${inputs} inputs of ${linear.name}: ${advice}`,
      { tensor: linear.name },
    );
  }
  return {
    bits,
    groupSize,
    symmetric: options.symmetric ?? false,
    scaleDtype: options.scaleDtype ?? "F16",
    range: options.range ?? "minmax",
  };
}
