import assert from "node:assert/strict";
import { smoothquant } from "../../plugins/smoothquant/mod.ts";
import { testBackends } from "../../tests/test_backends.ts";
import { hasShared, Laboratory, SUBJECTS } from "./protocol.ts";

// The reference backend would take minutes.
const cpu = testBackends().find(({ name }) => name === "cpu");

for (const subject of SUBJECTS) {
  Deno.test({
    name: `${subject.model} with weights and activations in 8 bits is within 1 % of the original`,
    ignore: cpu === undefined || !hasShared(subject),
    async fn() {
      using backend = await cpu!.create();
      using laboratory = await Laboratory.open(subject, backend);
      for (const activations of ["dynamic", "static"] as const) {
        const { perplexity, report } = await laboratory.measure(smoothquant({ activations }));
        const off = perplexity / subject.original - 1;
        assert.ok(off < 0.01, `${activations}: ${perplexity}, ${off} above the original`);
        for (const { name, activation, activationError } of report.layers) {
          assert.equal(activation?.dynamic, activations === "dynamic", name);
          assert.ok(activationError !== null && activationError > 0, name);
        }
      }
    },
  });
}
