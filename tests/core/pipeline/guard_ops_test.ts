import assert from "node:assert/strict";
import { guardOps } from "../../../core/pipeline/guard_ops.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";

Deno.test("guardOps shows operations alone and stops them with the signal", async () => {
  using backend = createReferenceBackend();
  const controller = new AbortController();
  const { ops, settle } = guardOps(backend, controller.signal);
  assert.ok(!("mapFile" in ops) && !("trim" in ops));
  using x = ops.zeros("F32", [2, 2]);
  using y = await ops.cast(x, "F16");
  assert.equal(y.dtype, "F16");
  await settle();
  controller.abort();
  assert.throws(() => ops.download(x), { code: "interrupted" });
});
