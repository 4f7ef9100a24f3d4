/**
 * How many bits a weight takes.
 *
 * @module
 */

import type { ExportedLinear } from "../export/types.ts";
import type { LinearInfo } from "../plugin.ts";
import { DTYPE_BYTES } from "../tensor.ts";
import { gridBits } from "./grid_bits.ts";

/**
 * Bits for each weight of some linears, scales and zero points included.
 *
 * @param linears The linears.
 * @param quantized Those that are quantized, by full name; the others count as they are stored.
 */
export function bitsPerWeight(
  linears: readonly LinearInfo[],
  quantized: ReadonlyMap<string, ExportedLinear>,
): number {
  let [bits, weights] = [0, 0];
  for (const { name, shape: [outputs, inputs], dtype } of linears) {
    const grid = quantized.get(name)?.grid;
    const size = outputs * inputs;
    weights += size;
    bits += size * (grid === undefined ? 8 * DTYPE_BYTES[dtype] : gridBits(grid));
  }
  return weights === 0 ? 0 : bits / weights;
}
