import assert from "node:assert/strict";
import { testBackends } from "../test_backends.ts";
import { compareGolden, type GoldenCase } from "./golden_gptq.ts";

const { cases } = JSON.parse(
  Deno.readTextFileSync(new URL("golden_gptq.json", import.meta.url)),
) as { cases: GoldenCase[] };

for (const { name, create } of testBackends()) {
  Deno.test(`compensate() on ${name} chooses the integers of GPTQ in torch`, async () => {
    using backend = await create();
    for (const golden of cases) {
      for (const result of await compareGolden(backend, golden)) {
        assert.equal(result.different, 0, `integers differ: ${result.label}`);
        assert.equal(result.gridDifferent, 0, `scales or zero points differ: ${result.label}`);
        assert.ok(Math.abs(result.lossRatio) < 1e-3, `loss: ${result.label}`);
        assert.ok(Math.abs(result.lossOff) < 1e-3, `loss that was returned: ${result.label}`);
      }
    }
  });
}
