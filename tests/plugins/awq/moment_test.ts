import assert from "node:assert/strict";
import { awq } from "../../../plugins/awq/mod.ts";
import { chooseMoment } from "../../../plugins/awq/moment.ts";
import type { LinearInfo } from "../../../core/plugin.ts";

Deno.test("chooseMoment() takes the Gram up to twice as many channels as rows", () => {
  assert.deepEqual(chooseMoment(4096, 2048), { gram: true });
  assert.deepEqual(chooseMoment(4097, 2048), { tokens: 2048 });
});

Deno.test("awq() observes what its options need", () => {
  const linear: LinearInfo = {
    name: "model.layers.0.mlp.down_proj",
    block: 0,
    role: "down",
    shape: [4096, 11008],
    dtype: "BF16",
    site: "mlpHidden",
  };
  assert.deepEqual(awq().observe?.(linear), { absMean: true, tokens: 2048 });
  assert.deepEqual(awq({ search: "channel" }).observe?.(linear), { absMean: true, gram: true });
  assert.deepEqual(awq({ objective: "module", sequences: 5 }).observe?.(linear), {
    absMean: true,
    tokens: 2048,
    sequences: 5,
  });
});
