/**
 * How many bits a weight takes on a grid.
 *
 * @module
 */

import type { AffineGrid } from "../backend.ts";
import { DTYPE_BYTES } from "../tensor.ts";

/**
 * Bits for each weight on a grid: those of the integer, and its share of the group's scale and, unless the
 * grid is symmetric, zero point.
 */
export function gridBits({ bits, groupSize, symmetric, scaleDtype }: AffineGrid): number {
  return bits + (8 * DTYPE_BYTES[scaleDtype] + (symmetric ? 0 : bits)) / groupSize;
}
