/**
 * Helpers for grids and their options, given to plugins as `ctx.grid`.
 *
 * @module
 */

import { SalientError } from "./errors.ts";
import { showValue } from "./show_value.ts";
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

/**
 * Refuses grid options that fit no linear at all: bits, group size or a name out of range. Plugins call
 * it when they are made, so that a wrong option is an error before a model is opened.
 *
 * @throws {SalientError} `usage`, in one line that says what is allowed.
 *
 * @example
 * ```ts
 * import { checkGridOptions } from "@salient/quant/plugin";
 * import assert from "node:assert/strict";
 *
 * checkGridOptions({ bits: 3, groupSize: 64 });
 * assert.throws(() => checkGridOptions({ bits: 9 }), /from 2 to 8/);
 * ```
 */
export function checkGridOptions(options: GridOptions): void {
  const { bits = 4, groupSize = 128, symmetric = false } = options;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new SalientError(
      "usage",
      `Bits must be a whole number from 2 to 8 but is ${showValue(bits)}`,
    );
  }
  if (!Number.isInteger(groupSize) || groupSize < -1 || groupSize === 0) {
    throw new SalientError(
      "usage",
      `Group size must be a positive whole number, or -1 for the whole row, but is ${
        showValue(groupSize)
      }`,
    );
  }
  if (typeof symmetric !== "boolean") {
    throw new SalientError(
      "usage",
      `Symmetric must be true or false but is ${showValue(symmetric)}`,
    );
  }
  checkName("Scale dtype", options.scaleDtype, ["F16", "BF16", "F32"]);
  checkName("Range", options.range, ["minmax", "zero"]);
}

function checkName(what: string, value: string | undefined, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return;
  throw new SalientError(
    "usage",
    `${what} must be ${allowed.join(" or ")} but is ${showValue(value)}`,
  );
}

/** The grid for a linear, with every default filled in and `groupSize` resolved. */
export function resolveGrid(
  options: GridOptions,
  linear: { readonly name: string; readonly shape: readonly number[] },
): AffineGrid {
  checkGridOptions(options);
  const inputs = linear.shape[1] ?? 0;
  const wanted = options.groupSize ?? 128;
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
    bits: options.bits ?? 4,
    groupSize,
    symmetric: options.symmetric ?? false,
    scaleDtype: options.scaleDtype ?? "F16",
    range: options.range ?? "minmax",
  };
}
