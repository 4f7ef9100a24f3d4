/**
 * Which of ggml's blocks hold a grid.
 *
 * @module
 */

import type { AffineGrid } from "../grid.ts";
import type { GgmlType } from "./ggml_type.ts";

/**
 * The blocks that hold integers of a grid as they are:
 *
 * | grid | blocks | bits a weight |
 * |---|---|---|
 * | up to 4 bits, symmetric, groups of 32 n | Q4_0 | 4.5 |
 * | up to 4 bits, asymmetric, groups of 256 n | Q4_K, whose scales are then all 1 and whose minima are the zero points | 4.5 |
 * | up to 4 bits, asymmetric, groups of 32 n | Q4_1; the minimum, -zero * scale, is rounded to fp16 | 5 |
 * | 5 to 8 bits, symmetric; 5 to 7, asymmetric; groups of 32 n | Q8_0 | 8.5 |
 *
 * @returns The type, or undefined where none holds it.
 */
export function blockType(
  { bits, groupSize, symmetric }: Pick<AffineGrid, "bits" | "groupSize" | "symmetric">,
): GgmlType | undefined {
  if (groupSize % 32 !== 0) return undefined;
  if (bits > 4) return bits === 8 && !symmetric ? undefined : "Q8_0";
  if (symmetric) return "Q4_0";
  return groupSize % 256 === 0 ? "Q4_K" : "Q4_1";
}
