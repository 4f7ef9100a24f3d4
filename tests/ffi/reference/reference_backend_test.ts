import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import assert from "node:assert/strict";
import { runBackendSuite } from "../backend_suite.ts";

// Where the suite compares with the reference this compares it with itself; the other tests of this
// folder check those values against torch. What the suite asserts by itself is checked here.
runBackendSuite("reference", createReferenceBackend);

Deno.test("a disposed reference backend makes no more tensors", () => {
  const backend = createReferenceBackend();
  using tensor = backend.upload(Float32Array.of(1, 2), "F32", [2]);
  backend[Symbol.dispose]();
  assert.throws(() => backend.zeros("F32", [1]), { name: "SalientError", code: "backend" });
  assert.deepEqual([...backend.download(tensor)], [1, 2]);
});

Deno.test("tensors without elements are fine", async () => {
  using backend = createReferenceBackend();
  using x = backend.zeros("F32", [0, 4]);
  using w = backend.zeros("F32", [3, 4]);
  using y = await backend.linear(x, w);
  assert.deepEqual([[...y.shape], backend.download(y).length], [[0, 3], 0]);
  assert.deepEqual(await backend.summarize(x), { nonFinite: 0, absMax: 0, zeroColumns: 4 });
});

Deno.test("tensors and packed weights of other backends are refused", async () => {
  using backend = createReferenceBackend();
  using x = backend.zeros("F32", [2, 4]);
  const stranger = { ...x, dtype: "F32", shape: [3, 4], size: 12, byteLength: 48 } as typeof x;
  const refusal = { name: "SalientError", message: /belongs to another backend/ };
  assert.throws(() => backend.download(stranger), refusal);
  await assert.rejects(() => backend.linear(x, stranger), refusal);
  const packed = {
    packed: true,
    shape: [3, 4],
    bits: 4,
    groupSize: 4,
    byteLength: 6,
    [Symbol.dispose]() {},
  } as const;
  await assert.rejects(() => backend.linear(x, packed), refusal);
});
