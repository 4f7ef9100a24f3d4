/**
 * Quantization that is the same for every linear.
 *
 * @module
 */

import type { StoredLinear, StoredQuantization } from "./model.ts";

/** What `quantization_config` says where all linears are stored alike, `groupSize` -1 for whole rows. */
export function uniformQuantization(format: string, stored: StoredLinear): StoredQuantization {
  const { bits, groupSize } = stored;
  return {
    format,
    bits,
    groupSize,
    of: ({ shape }) => groupSize === -1 ? { ...stored, groupSize: shape[1] } : stored,
  };
}
