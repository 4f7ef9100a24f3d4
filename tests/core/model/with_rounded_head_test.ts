import assert from "node:assert/strict";
import type { Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { withRoundedHead } from "../../../core/model/with_rounded_head.ts";
import { testBackends } from "../../test_backends.ts";

/** Logits of one token, straight from the embedding. */
async function someLogits(model: Model): Promise<Float32Array> {
  using hidden = await model.embed(Int32Array.of(35));
  using logits = await model.logits(hidden);
  return model.backend.download(logits);
}

/** ||a - b|| / ||b|| */
function distance(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0];
  for (const [i, value] of b.entries()) {
    difference += (a[i]! - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
}

for (const { name, create } of testBackends()) {
  Deno.test(`a head of 8 bits is close, one of 4 bits further off (${name})`, async () => {
    using backend = await create();
    using model = await openModel("models/salient-tiny", backend);
    const exact = await someLogits(model);
    const before = backend.allocatedBytes();
    const errors: number[] = [];
    for (const bits of [8, 4, 2]) {
      using rounded = await withRoundedHead(model, bits);
      assert.ok(backend.allocatedBytes() > before);
      errors.push(distance(await someLogits(rounded), exact));
    }
    const [eight, four, two] = errors as [number, number, number];
    assert.ok(eight > 0 && eight < 0.01, `${eight}`);
    assert.ok(four > 5 * eight && two > 2 * four, errors.join());
    assert.equal(backend.allocatedBytes(), before);
  });
}

Deno.test("bits of a head that no grid has are refused", async () => {
  using backend = await testBackends()[0]!.create();
  using model = await openModel("models/salient-tiny", backend);
  await assert.rejects(withRoundedHead(model, 16), {
    code: "usage",
    message: /from 2 to 8 but is 16/,
  });
});
