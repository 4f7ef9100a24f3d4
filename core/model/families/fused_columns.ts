/**
 * Where queries, keys and values lie in the output of one fused linear.
 *
 * @module
 */

import type { ProjectionLayout } from "../layout.ts";
import type { HeadSizes } from "./value_channels.ts";

/**
 * The order of heads in a fused linear. `"kinds"`: all queries, all keys, all values. `"groups"`: for each value head
 * the queries that share it, its key, its value; with as many value heads as query heads that is q, k, v of each head.
 */
export type FusedOrder = "kinds" | "groups";

/** Rows of the linear, which are columns of its output, by what they make. */
export type FusedColumns = Extract<ProjectionLayout, { kind: "fused" }>;

/** Columns [heads * headDim] of queries and [kvHeads * headDim] of keys and values. */
export function fusedColumns(
  { heads, kvHeads, headDim }: HeadSizes,
  order: FusedOrder,
): FusedColumns {
  const shared = heads / kvHeads;
  /** For each of `count` heads its channels, from the head's place among all of the linear's. */
  function columns(count: number, placeOf: (head: number) => number): Int32Array {
    return Int32Array.from({ length: count * headDim }, (_, i) => {
      return placeOf(Math.floor(i / headDim)) * headDim + i % headDim;
    });
  }
  if (order === "kinds") {
    return {
      kind: "fused",
      query: columns(heads, (head) => head),
      key: columns(kvHeads, (head) => heads + head),
      value: columns(kvHeads, (head) => heads + kvHeads + head),
    };
  }
  return {
    kind: "fused",
    query: columns(heads, (head) => Math.floor(head / shared) * (shared + 2) + head % shared),
    key: columns(kvHeads, (head) => head * (shared + 2) + shared),
    value: columns(kvHeads, (head) => head * (shared + 2) + shared + 1),
  };
}
