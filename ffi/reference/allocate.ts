/**
 * Making new tensors.
 *
 * @module
 */

import { type DType, DTYPE_BYTES, sizeOf } from "../../core/tensor.ts";
import { possible } from "./checks.ts";
import { type MemoryMeter, MemoryStorage } from "./storage.ts";
import { ReferenceTensor } from "./tensor.ts";

/** Gives a new tensor full of zeros. */
export type Allocate = (dtype: DType, shape: readonly number[]) => ReferenceTensor;

/** A function that gives tensors whose memory `meter` counts. */
export function allocator(meter: MemoryMeter): Allocate {
  return (dtype, shape) => {
    possible(shape);
    return new ReferenceTensor(
      new MemoryStorage(sizeOf(shape) * DTYPE_BYTES[dtype], meter),
      0,
      dtype,
      shape,
    );
  };
}
