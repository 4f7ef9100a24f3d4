/**
 * What attention is asked to do.
 *
 * @module
 */

/** Shape of an attention call. */
export interface AttentionShape {
  /** Query heads. */
  heads: number;
  /** Key and value heads; divides `heads`. */
  kvHeads: number;
  /** Channels of a head. */
  headDim: number;
  /** Independent sequences, one after the other in the rows of q, k and v. */
  sequences: number;
  /** Multiplies q . k. */
  scale: number;
  /** A token sees itself and the `window - 1` before it; 0 for all before it. */
  window: number;
  /** Position of each sequence's first query row among its keys (keys - queries when decoding). */
  queryStart: number;
  /**
   * Key rows used of each sequence, when k and v are caches with more rows than are filled (then
   * `sequences` must be 1). Default: rows of k / sequences.
   */
  keyLength?: number;
  /** Scores, once scaled, become softcap * tanh(score / softcap) (Gemma 2). Default: 0, as they are. */
  softcap?: number;
  /**
   * ALiBi (Press et al., 2022): `slopes[h] * (key position - query position)` is added to the scores of head h,
   * after scale and softcap. [heads]; positions count from a sequence's first key.
   */
  slopes?: Float32Array;
}
