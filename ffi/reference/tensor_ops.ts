// deno-lint-ignore-file require-await -- an error of an operation must become a rejection
/**
 * Operations that make, copy and convert tensors.
 *
 * @module
 */

import type { Ops } from "../../core/backend.ts";
import { DTYPE_BYTES, sizeOf, type Tensor } from "../../core/tensor.ts";
import type { Allocate } from "./allocate.ts";
import { check, floats, matrix, own, possible, typed, within } from "./checks.ts";
import { fromF32, toF32 } from "./conversion.ts";

/** The operations of this file. */
export type TensorOps = Pick<
  Ops,
  | "zeros"
  | "upload"
  | "download"
  | "downloadBytes"
  | "rows"
  | "reshape"
  | "cast"
  | "copyRows"
  | "embed"
>;

/** Makes them, with `allocate` giving the new tensors. */
export function tensorOps(allocate: Allocate): TensorOps {
  return {
    zeros: allocate,

    upload(data, dtype, shape): Tensor {
      possible(shape);
      const wanted = sizeOf(shape) * DTYPE_BYTES[dtype];
      check(
        data.byteLength === wanted,
        `Data for ${dtype} [${shape}] must have ${wanted} bytes but has ${data.byteLength}`,
      );
      const tensor = allocate(dtype, shape);
      tensor.writableBytes().set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return tensor;
    },

    download(tensor): Float32Array<ArrayBuffer> {
      const mine = own(tensor);
      return toF32(mine.bytes(), mine.dtype).slice();
    },

    downloadBytes(tensor): Uint8Array<ArrayBuffer> {
      return own(tensor).bytes().slice();
    },

    rows(tensor, start, count): Tensor {
      const mine = own(tensor);
      const length = mine.shape[0];
      check(length !== undefined, "A tensor without axes has no rows");
      within(start, "First row", 0, length);
      within(count, "Number of rows", 0, length - start);
      const width = length === 0 ? 0 : mine.byteLength / length;
      return mine.view(start * width, [count, ...mine.shape.slice(1)]);
    },

    reshape(tensor, shape): Tensor {
      const mine = own(tensor);
      possible(shape);
      check(sizeOf(shape) === mine.size, `Cannot give ${mine.label} the shape [${shape}]`);
      return mine.view(0, shape);
    },

    async cast(tensor, dtype): Promise<Tensor> {
      const mine = floats(tensor, "Tensor to convert");
      const result = allocate(dtype, mine.shape);
      result.writableBytes().set(fromF32(toF32(mine.bytes(), mine.dtype), dtype));
      return result;
    },

    async copyRows(source, target, row): Promise<void> {
      const from = own(source);
      const to = typed(target, "Target", [from.dtype]);
      const count = from.shape[0];
      const length = to.shape[0];
      check(count !== undefined && length !== undefined, "A tensor without axes has no rows");
      within(row, "Target row", 0, length - count);
      const width = sizeOf(from.shape.slice(1));
      check(width === sizeOf(to.shape.slice(1)), `Rows of ${from.label} do not fit ${to.label}`);
      to.writableBytes().set(from.bytes(), row * width * DTYPE_BYTES[from.dtype]);
    },

    async embed(table, ids): Promise<Tensor> {
      const mine = floats(table, "Table");
      const { rows, columns } = matrix(mine, "Table");
      const width = columns * DTYPE_BYTES[mine.dtype];
      for (const id of ids) within(id, "Token id", 0, rows - 1);
      const result = allocate("F32", [ids.length, columns]);
      const values = result.writableF32();
      ids.forEach((id, i) => {
        values.set(toF32(mine.bytes(id * width, width), mine.dtype), i * columns);
      });
      return result;
    },
  };
}
