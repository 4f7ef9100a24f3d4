/**
 * Checks of what the reference backend's operations are given.
 *
 * @module
 */

import { SalientError } from "../../core/backend.ts";
import { type DType, sizeOf, type Tensor } from "../../core/tensor.ts";
import { ReferenceTensor } from "./tensor.ts";

const FLOATS: readonly DType[] = ["F64", "F32", "F16", "BF16", "F8_E4M3"];

/** A backend error unless `condition` holds. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new SalientError("backend", message);
}

/** The tensor as one of this backend's. */
export function own(tensor: Tensor): ReferenceTensor {
  check(tensor instanceof ReferenceTensor, "Tensor belongs to another backend than the reference");
  return tensor;
}

/** The tensor as one of this backend's, with an element type out of `dtypes`. */
export function typed(tensor: Tensor, what: string, dtypes: readonly DType[]): ReferenceTensor {
  const mine = own(tensor);
  check(dtypes.includes(mine.dtype), `${what} must be ${dtypes.join(" or ")} but is ${mine.label}`);
  return mine;
}

/** The tensor as one of this backend's, of any float type. */
export function floats(tensor: Tensor, what: string): ReferenceTensor {
  return typed(tensor, what, FLOATS);
}

/** Rows and columns of a tensor that must have two axes. */
export function matrix(tensor: Tensor, what: string): { rows: number; columns: number } {
  const [rows, columns] = tensor.shape;
  check(
    tensor.shape.length === 2 && rows !== undefined && columns !== undefined,
    `${what} must have two axes but has the shape [${tensor.shape.join(", ")}]`,
  );
  return { rows, columns };
}

/** Refuses a tensor of another shape. */
export function shaped(tensor: Tensor, what: string, shape: readonly number[]): void {
  const same = tensor.shape.length === shape.length &&
    tensor.shape.every((length, axis) => length === shape[axis]);
  check(same, `${what} must have the shape [${shape}] but has [${tensor.shape}]`);
}

/** Refuses a list of another length. */
export function lengthIs(list: { readonly length: number }, what: string, length: number): void {
  check(list.length === length, `${what} must have ${length} entries but has ${list.length}`);
}

/** Refuses shapes that no tensor can have. */
export function possible(shape: readonly number[]): void {
  const whole = shape.every((length) => Number.isSafeInteger(length) && length >= 0);
  check(whole && Number.isSafeInteger(sizeOf(shape) * 8), `Shape [${shape}] is not possible`);
}

/** A whole number within [low, high]. */
export function within(value: number, what: string, low: number, high: number): void {
  check(
    Number.isSafeInteger(value) && value >= low && value <= high,
    `${what} must be a whole number from ${low} to ${high} but is ${value}`,
  );
}
