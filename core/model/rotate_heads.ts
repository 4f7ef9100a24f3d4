/**
 * Rotary embedding in a block.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import type { RowPlace } from "./head_projection.ts";

/** Heads whose first channels are turned. */
export interface RotatedHeads {
  /** F32 [T, heads * headDim]. */
  readonly x: Tensor;
  /** Heads of a row. */
  readonly heads: number;
  /** Channels of a head. */
  readonly headDim: number;
}

/** Turns heads by their positions, in place; nothing where the block has no rotary embedding. */
export async function rotateHeads(
  parts: BlockParts,
  place: RowPlace,
  sequences: number,
  all: readonly RotatedHeads[],
): Promise<void> {
  const { rope } = parts.layout.attention;
  if (rope === undefined) return;
  const cache = parts.contents.ropes.get(rope.table);
  if (cache === undefined) throw new SalientError("failed", `No rotary table ${rope.table}`);
  using lease = cache.lease(place.start, place.rows, place.length);
  for (const { x, heads, headDim } of all) {
    const interleaved = rope.interleaved ? { interleaved: true } : {};
    const shape = { heads, headDim, sequences, start: lease.start, ...interleaved };
    await parts.ops.rope(x, lease.table, shape);
  }
}
