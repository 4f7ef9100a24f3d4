/**
 * What a rotary embedding is asked to do.
 *
 * @module
 */

/** How rotary embedding is applied. */
export interface RopeShape {
  /** Heads in a row of x. */
  heads: number;
  /** Channels of a head. */
  headDim: number;
  /** Independent sequences in the rows of x. */
  sequences: number;
  /** Position of each sequence's first row. */
  start: number;
  /** Pairs are channels (2i, 2i + 1) instead of (i, i + R/2) (GPT-J, GLM, Cohere). Default: false. */
  interleaved?: boolean;
}
