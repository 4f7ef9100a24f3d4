/**
 * Files that a backend has mapped.
 *
 * @module
 */

import type { DType, Tensor } from "./tensor.ts";

/** A file that the backend has mapped. Tensors made from it are views and keep it open. */
export interface MappedFile extends Disposable {
  /** Path as given. */
  readonly path: string;
  /** Length of the file in bytes. */
  readonly byteLength: number;
  /** A view of `byteLength(dtype, shape)` bytes from `offset`; checked against the file's length. */
  tensor(offset: number, dtype: DType, shape: readonly number[]): Tensor;
  /** Lets the system drop the pages of this range from memory; views stay valid. */
  release(offset: number, length: number): void;
}
