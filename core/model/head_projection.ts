/**
 * How queries, keys and values are made.
 *
 * @module
 */

import type { Tensor } from "../tensor.ts";
import type { BlockRun } from "./model.ts";

/** Queries, keys and values, rotated where they are to be. Disposing it frees all three. */
export interface Heads extends Disposable {
  /** F32 [T, heads * headDim]. */
  readonly query: Tensor;
  /** F32 [T, kvHeads * headDim]. */
  readonly key: Tensor;
  /** F32 [T, kvHeads * headDim]. */
  readonly value: Tensor;
}

/** Where the rows of a run are in their sequences. */
export interface RowPlace {
  /** Position of each sequence's first row. */
  readonly start: number;
  /** Rows of each sequence. */
  readonly rows: number;
  /** Tokens that each sequence will have. */
  readonly length: number;
}

/** Makes the heads of a block, and puts together what attention has made of them. */
export interface HeadProjection {
  /** x [T, H] is the output of the norm before attention. */
  project(x: Tensor, place: RowPlace, options: BlockRun): Promise<Heads>;
  /** What the output projection reads, from attention's output F32 [T, heads * headDim]. A new tensor. */
  collect(mixed: Tensor): Promise<Tensor>;
}
