/**
 * Which output of the values' linear an input of the output projection comes from.
 *
 * @module
 */

/** Sizes of attention. */
export interface HeadSizes {
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Channels of a head. */
  readonly headDim: number;
}

/**
 * [heads * headDim]: channel d of query head h is a mixture of channel d of value head h / (heads / kvHeads).
 *
 * @param rowOf Output of the linear that holds channel d of a value head. Default: head by head.
 */
export function valueChannels(
  { heads, kvHeads, headDim }: HeadSizes,
  rowOf: (head: number, channel: number) => number = (head, d) => head * headDim + d,
): Uint32Array {
  const repeats = heads / kvHeads;
  return Uint32Array.from({ length: heads * headDim }, (_, k) => {
    const head = Math.floor(k / headDim);
    return rowOf(Math.floor(head / repeats), k % headDim);
  });
}
