/**
 * Tensors as such: their bytes, views and lives.
 *
 * @module
 */

import type { DType } from "../../../core/tensor.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertSame } from "./compare.ts";
import { encode } from "./encode.ts";

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

/** Registers the cases. */
export function tensorCases(register: RegisterCase): void {
  register("zeros are zero and know their shape", ({ tested }) => {
    for (const dtype of DTYPES) {
      using tensor = tested.zeros(dtype, [3, 5]);
      assert.deepEqual([tensor.dtype, [...tensor.shape], tensor.size], [dtype, [3, 5], 15]);
      assert.equal(tensor.byteLength, tested.downloadBytes(tensor).length);
      assert.ok(tested.downloadBytes(tensor).every((byte) => byte === 0));
    }
  });

  register("uploaded values come back, as bytes and as fp32", (pair) => {
    for (const dtype of DTYPES) {
      const values = pair.normal(35, dtype.startsWith("I") ? 50 : 1);
      const tensor = pair.put(dtype === "U8" ? values.map(Math.abs) : values, dtype, [5, 7]);
      const data = encode(dtype === "U8" ? values.map(Math.abs) : values, dtype);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      assert.deepEqual(pair.tested.downloadBytes(tensor.tested), bytes.slice(), dtype);
      assertSame(pair.values(tensor), dtype);
    }
  });

  register("an upload takes only its part of a larger buffer", ({ tested }) => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    using tensor = tested.upload(data, "F32", [2]);
    assert.deepEqual([...tested.download(tensor)], [2, 3]);
    data[0] = 9;
    assert.deepEqual([...tested.download(tensor)], [2, 3]);
  });

  register("rows and reshape are views of the same bytes", async ({ tested }) => {
    using tensor = tested.upload(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), "F32", [4, 2]);
    using middle = tested.rows(tensor, 1, 2);
    assert.deepEqual([[...middle.shape], [...tested.download(middle)]], [[2, 2], [2, 3, 4, 5]]);
    using flat = tested.reshape(middle, [4]);
    using one = tested.upload(Float32Array.of(10, 10, 10, 10), "F32", [4]);
    await tested.addInPlace(flat, one);
    assert.deepEqual([...tested.download(tensor)], [0, 1, 12, 13, 14, 15, 6, 7]);
  });

  register(
    "a view outlives its parent, and memory is counted until both are gone",
    ({ tested }) => {
      const before = tested.allocatedBytes();
      const parent = tested.upload(Float32Array.of(1, 2, 3, 4), "F32", [2, 2]);
      assert.equal(tested.allocatedBytes() - before, 16);
      const view = tested.rows(parent, 1, 1);
      assert.equal(tested.allocatedBytes() - before, 16);
      parent[Symbol.dispose]();
      assert.deepEqual([...tested.download(view)], [3, 4]);
      view[Symbol.dispose]();
      view[Symbol.dispose]();
      assert.equal(tested.allocatedBytes(), before);
    },
  );

  register("a disposed tensor is refused", async ({ tested }) => {
    const gone = tested.zeros("F32", [2, 2]);
    gone[Symbol.dispose]();
    gone[Symbol.dispose]();
    const refusal = { name: "SalientError", code: "backend" };
    assert.throws(() => tested.download(gone), refusal);
    assert.throws(() => tested.rows(gone, 0, 1), refusal);
    using other = tested.zeros("F32", [2, 2]);
    await assert.rejects(async () => await tested.addInPlace(other, gone), refusal);
    await assert.rejects(async () => await tested.linear(gone, other), refusal);
  });

  register("copyRows writes rows where it is told", async (pair) => {
    for (const dtype of ["F32", "BF16", "U8"] as const) {
      const target = pair.put(pair.normal(28).map(Math.abs), dtype, [7, 4]);
      const source = pair.put(pair.normal(8, 9).map(Math.abs), dtype, [2, 4]);
      await pair.run((backend, use) => backend.copyRows(use(source), use(target), 3));
      assertSame(pair.values(target), dtype);
    }
  });

  register("peak memory is at least what is allocated", ({ tested }) => {
    using tensor = tested.zeros("F32", [1000, 1000]);
    assert.ok(tensor.byteLength === 4_000_000 && tested.peakRssBytes() > 4_000_000);
    tested.trim();
    assert.ok(tested.name.length > 0 && tested.detail.length > 0);
  });
}
