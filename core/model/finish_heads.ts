/**
 * What is done to queries and keys before attention.
 *
 * @module
 */

import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import type { Heads, RowPlace } from "./head_projection.ts";
import { rotateHeads } from "./rotate_heads.ts";

/**
 * Norms queries and keys where the block has norms `q` and `k`, and turns them by their positions.
 *
 * @param query F32 [T, heads * headDim]; it and the others go with the result, or are freed on an error.
 */
export async function finishHeads(
  parts: BlockParts,
  [query, key, value]: readonly [Tensor, Tensor, Tensor],
  place: RowPlace,
  sequences: number,
): Promise<Heads> {
  using stack = new DisposableStack();
  for (const tensor of [query, key, value]) stack.use(tensor);
  const q = parts.hasNorm("q") ? stack.use(await parts.norm("q", query)) : query;
  const k = parts.hasNorm("k") ? stack.use(await parts.norm("k", key)) : key;
  const { heads, kvHeads, headDim } = parts.layout.attention;
  await rotateHeads(parts, place, sequences, [
    { x: q, heads, headDim },
    { x: k, heads: kvHeads, headDim },
  ]);
  const owned = stack.move();
  return { query: q, key: k, value, [Symbol.dispose]: () => owned.dispose() };
}
