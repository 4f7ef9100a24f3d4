/**
 * What a model is rotated by.
 *
 * @module
 */

import type { OrthogonalMatrix } from "./orthogonal_matrix.ts";

/** The rotations of a model. */
export interface Rotation {
  /** Of the residual stream, [hiddenSize, hiddenSize]; undefined for none. */
  readonly residual: OrthogonalMatrix | undefined;
  /** Of the values of each head, [headDim, headDim], by block. */
  readonly heads: ReadonlyMap<number, OrthogonalMatrix>;
  /** Names of the plugins that asked for it, for errors. */
  readonly plugins: string;
  /** Frees the matrices. */
  readonly owned: Disposable;
}
