import assert from "node:assert/strict";
import { lintParallel } from "../../../core/inspect/lint_parallel.ts";
import type { Model, StoredLinear } from "../../../core/model/model.ts";

/** A model with nothing but one fused linear of 64 query heads. */
function fused(kvHeads: number): Model {
  const shape = [(64 + 2 * kvHeads) * 64, 4096];
  const stored: StoredLinear = { bits: 4, groupSize: 128, symmetric: true };
  const model = {
    config: { heads: 64, kvHeads, headDim: 64 },
    linears: [{ name: "l.qkv", role: "qkv", shape }],
    quantization: { of: () => stored },
  };
  return model as unknown as Model;
}

Deno.test("lintParallel() gives each device a copy of the one key and value of a fused linear", () => {
  // 66 heads of 64 do not divide by 4 devices in pieces of 64; 16 query heads, a key and a value do.
  const support = { bits: [4], mixed: true, fastShape: [64, 128] as const };
  for (const kvHeads of [1, 64]) {
    const fits = lintParallel(fused(kvHeads), support);
    assert.deepEqual(fits.map(({ reason }) => reason), [undefined, undefined, undefined]);
  }
  const wide = lintParallel(fused(1), { ...support, fastShape: [256, 128] });
  assert.match(wide[1]?.reason ?? "", /^l.qkv has 4224 outputs, and 1152 on each device do not/);
});
