import assert from "node:assert/strict";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { openSynthetic } from "../../../core/testing/open_synthetic.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";

Deno.test("rtn() rounds every linear without calibration, and better with more bits", async () => {
  await using synthetic = await openSynthetic(createReferenceBackend);
  const { model, backend } = synthetic;
  let before = Infinity;
  for (const bits of [2, 3, 4, 8]) {
    const plugins = [rtn({ bits, groupSize: -1 })];
    const result = await quantizeInMemory({ model, backend, plugins });
    result.model[Symbol.dispose]();
    const { layers } = result.report;
    assert.equal(layers.length, 7);
    for (const layer of layers) {
      assert.deepEqual([layer.method, layer.bits, layer.error], ["rtn", bits, layer.rtnError]);
    }
    const error = layers.reduce((sum, layer) => sum + layer.error, 0);
    assert.ok(error > 0 && error < before / 2, `${error} at ${bits} bits`);
    before = error;
  }
});

Deno.test("rtn() names the first linear whose inputs the group size does not divide", async () => {
  await using synthetic = await openSynthetic(createReferenceBackend);
  const { model, backend } = synthetic;
  await assert.rejects(
    quantizeInMemory({ model, backend, plugins: [rtn({ groupSize: 96 })] }),
    /Group size 96 does not divide the 128 inputs of model\.layers\.0\.self_attn\.q_proj: use 128/,
  );
});
