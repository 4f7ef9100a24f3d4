/**
 * Whether a linear of a quantized checkpoint is plain.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";

/** Whether a linear has a `.weight` that does not hold integers, which some formats store under this name too. */
export function hasPlainWeight(checkpoint: Checkpoint, name: string): boolean {
  const entry = checkpoint.entries.get(`${name}.weight`);
  return entry !== undefined && entry.dtype !== "I8";
}
