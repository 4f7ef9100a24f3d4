/**
 * Tensors that live in a native library.
 *
 * @module
 */

import { type DType, DTYPE_BYTES, sizeOf, type Tensor } from "../../core/tensor.ts";
import type { OwnedHandle } from "./owned_handle.ts";
import type { NativeSession } from "./session.ts";

/** Element types in the order of their numbers in `salient.h`. */
const DTYPES: readonly DType[] = [
  "F64",
  "F32",
  "F16",
  "BF16",
  "F8_E4M3",
  "I64",
  "I32",
  "I8",
  "U8",
  "BOOL",
];

/** The number of an element type in `salient.h`. */
export function dtypeNumber(dtype: DType): number {
  return DTYPES.indexOf(dtype);
}

/** A tensor behind a handle. */
export class NativeTensor implements Tensor {
  /** Element type. */
  readonly dtype: DType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  /** Bytes that the elements take. */
  readonly byteLength: number;
  /** The session that it belongs to. */
  readonly session: NativeSession;
  /** Its handle. */
  readonly owned: OwnedHandle;

  /** Takes over a new handle of a session. */
  constructor(session: NativeSession, handle: number, dtype: DType, shape: readonly number[]) {
    this.session = session;
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.size = sizeOf(shape);
    this.byteLength = this.size * DTYPE_BYTES[dtype];
    this.owned = session.own(handle);
    session.watch(this);
  }

  /** Element type and shape, for errors. */
  get label(): string {
    return `${this.dtype} [${this.shape.join(", ")}]`;
  }

  /** Frees it; harmless the second time. */
  [Symbol.dispose](): void {
    this.owned.end();
  }
}
