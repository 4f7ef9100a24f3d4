/**
 * `quantization_config` of AutoAWQ's checkpoints.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import { sharedGrid } from "./shared_grid.ts";
import type { ExportedLinear } from "./types.ts";

/** The layouts of AutoAWQ that are written. */
export type AwqLayout = "gemm" | "gemv";

/** One grid for all; bits below 4, which lie in 4-bit containers, are noted under `salient`. */
export function awqConfig(
  layout: AwqLayout,
  linears: ReadonlyMap<string, ExportedLinear>,
  skipped: readonly string[],
): JsonObject {
  const { bits, groupSize } = sharedGrid(linears.values());
  return {
    quant_method: "awq",
    zero_point: true,
    group_size: groupSize,
    bits: 4,
    version: layout,
    modules_to_not_convert: skipped.length === 0 ? null : [...skipped],
    ...(bits === 4 ? {} : { salient: { bits } }),
  };
}
