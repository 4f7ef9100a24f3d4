/**
 * Tensors: what a backend hands out and takes in.
 *
 * @module
 */

/** An element type, named as safetensors names it. */
export type DType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "F8_E4M3"
  | "I64"
  | "I32"
  | "I8"
  | "U8"
  | "BOOL";

/** Bytes of one element. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  I64: 8,
  I32: 4,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** The element types that a weight may have. */
export type FloatDType = "F64" | "F32" | "F16" | "BF16" | "F8_E4M3";

/**
 * A dense row-major tensor in a backend's memory, or a view of a mapped file. It is freed by
 * `dispose` (`using`), and by the garbage collector if that was forgotten.
 */
export interface Tensor extends Disposable {
  /** Element type. */
  readonly dtype: DType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  /** Bytes that the elements take. */
  readonly byteLength: number;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
