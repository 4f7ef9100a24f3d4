/**
 * Transposes tensors.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { transpose } from "./transpose.ts";

/** An I32, U8, F32, F16 or BF16 matrix [R, C] as a new one [C, R]. The caller disposes it. */
export function transposeTensor(tensor: Tensor, ops: Ops): Tensor {
  const [rows = 0, columns = 0] = tensor.shape;
  const shape = [columns, rows];
  const bytes = ops.downloadBytes(tensor);
  switch (tensor.dtype) {
    case "U8":
      return ops.upload(transpose(bytes, rows, columns), "U8", shape);
    case "I32":
      return ops.upload(transpose(new Uint32Array(bytes.buffer), rows, columns), "I32", shape);
    case "F32":
      return ops.upload(transpose(new Float32Array(bytes.buffer), rows, columns), "F32", shape);
    case "F16":
    case "BF16":
      return ops.upload(
        transpose(new Uint16Array(bytes.buffer), rows, columns),
        tensor.dtype,
        shape,
      );
    default:
      throw new SalientError("failed", `A matrix of ${tensor.dtype} is not transposed`);
  }
}
