/**
 * Operations that make, copy and convert tensors.
 *
 * @module
 */

import type { Ops } from "../../core/backend.ts";
import { DTYPE_BYTES, sizeOf, type Tensor } from "../../core/tensor.ts";
import { Checks } from "./checks.ts";
import { dtypeNumber, NativeTensor } from "./native_tensor.ts";
import type { NativeSession } from "./session.ts";

/** The operations of this file. */
export type TensorOps = Pick<
  Ops,
  "zeros" | "upload" | "download" | "downloadBytes" | "rows" | "reshape" | "cast" | "copyRows"
>;

/** Makes them on a session's library. */
export function tensorOps(session: NativeSession): TensorOps {
  return {
    zeros(dtype, shape): Tensor {
      const sizes = new Checks(session, "zeros").possible(shape);
      const out = new Uint32Array(1);
      const type = dtypeNumber(dtype);
      const status = session.symbols.salient_zeros(type, sizes, sizes.length, out);
      session.unwrap(status, "zeros");
      return new NativeTensor(session, out[0] ?? 0, dtype, shape);
    },

    upload(data, dtype, shape): Tensor {
      const checks: Checks = new Checks(session, "upload");
      const sizes = checks.possible(shape);
      const wanted = sizeOf(shape) * DTYPE_BYTES[dtype];
      checks.that(
        data.byteLength === wanted,
        `${dtype} [${shape.join(", ")}] takes ${wanted} bytes but ${data.byteLength} were given`,
      );
      const out = new Uint32Array(1);
      const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
      const status = session.symbols.salient_upload(
        bytes,
        BigInt(wanted),
        dtypeNumber(dtype),
        sizes,
        sizes.length,
        out,
      );
      session.unwrap(status, "upload");
      return new NativeTensor(session, out[0] ?? 0, dtype, shape);
    },

    download(tensor): Float32Array<ArrayBuffer> {
      const { owned, size } = new Checks(session, "download").tensor(tensor, "tensor");
      const values = new Float32Array(size);
      const status = session.symbols.salient_download(owned.value, values, BigInt(size));
      session.unwrap(status, "download");
      return values;
    },

    downloadBytes(tensor): Uint8Array<ArrayBuffer> {
      const { owned, byteLength } = new Checks(session, "downloadBytes").tensor(tensor, "tensor");
      const bytes = new Uint8Array(byteLength);
      const status = session.symbols.salient_download_bytes(
        owned.value,
        bytes,
        BigInt(byteLength),
      );
      session.unwrap(status, "downloadBytes");
      return bytes;
    },

    rows(tensor, start, count): Tensor {
      const checks: Checks = new Checks(session, "rows");
      const { owned, dtype, shape } = checks.tensor(tensor, "tensor");
      const length = shape[0];
      checks.that(length !== undefined, "a tensor without axes has no rows");
      checks.whole(start, "first row", 0, length);
      checks.whole(count, "number of rows", 0, length - start);
      const out = new Uint32Array(1);
      session.unwrap(session.symbols.salient_rows(owned.value, start, count, out), "rows");
      return new NativeTensor(session, out[0] ?? 0, dtype, [count, ...shape.slice(1)]);
    },

    reshape(tensor, shape): Tensor {
      const checks: Checks = new Checks(session, "reshape");
      const { owned, dtype, size, label } = checks.tensor(tensor, "tensor");
      const sizes = checks.possible(shape);
      checks.that(
        sizeOf(shape) === size,
        `${label} cannot be given the shape [${shape.join(", ")}]`,
      );
      const out = new Uint32Array(1);
      const status = session.symbols.salient_reshape(owned.value, sizes, sizes.length, out);
      session.unwrap(status, "reshape");
      return new NativeTensor(session, out[0] ?? 0, dtype, shape);
    },

    async cast(tensor, dtype): Promise<Tensor> {
      const checks: Checks = new Checks(session, "cast");
      const { owned, shape, size } = checks.floats(tensor, "tensor");
      checks.that(["F32", "F16", "BF16"].includes(dtype), `values cannot be cast to ${dtype}`);
      const out = new Uint32Array(1);
      const options = { operation: "cast", work: size * 2, uses: [owned], out };
      await session.call("salient_cast", options, [owned.value, dtypeNumber(dtype), out]);
      return new NativeTensor(session, out[0] ?? 0, dtype, shape);
    },

    async copyRows(source, target, row): Promise<void> {
      const checks: Checks = new Checks(session, "copyRows");
      const from = checks.tensor(source, "source");
      const to = checks.typed(target, "target", from.dtype);
      const count = from.shape[0];
      const length = to.shape[0];
      checks.that(
        count !== undefined && length !== undefined,
        "a tensor without axes has no rows",
      );
      checks.whole(row, "target row", 0);
      checks.that(
        row + count <= length && sizeOf(from.shape.slice(1)) === sizeOf(to.shape.slice(1)),
        `the rows of ${from.label} do not fit into ${to.label} from row ${row}`,
      );
      const options = { operation: "copyRows", work: from.size, uses: [from.owned, to.owned] };
      await session.call("salient_copy_rows", options, [from.owned.value, to.owned.value, row]);
    },
  };
}
