import assert from "node:assert/strict";
import { awq } from "../../plugins/awq/mod.ts";
import { gptq } from "../../plugins/gptq/mod.ts";
import { rtn } from "../../plugins/rtn/mod.ts";
import { testBackends } from "../../tests/test_backends.ts";
import { hasShared, Laboratory, SUBJECTS } from "./protocol.ts";

// The reference backend would take minutes.
const cpu = testBackends().find(({ name }) => name === "cpu");

for (const subject of SUBJECTS) {
  for (const { bits, groupSize, ...published } of subject.rows) {
    const grid = { bits, groupSize };
    Deno.test({
      name: `${subject.model} at ${bits} bits in groups of ${groupSize} as published or better`,
      ignore: cpu === undefined || !hasShared(subject),
      async fn() {
        using backend = await cpu!.create();
        using laboratory = await Laboratory.open(subject, backend);
        const plain = await laboratory.measure(rtn(grid));
        const off = Math.abs(plain.perplexity / published.rtn - 1);
        assert.ok(off < 5e-3, `rtn: ${plain.perplexity} against ${published.rtn}`);
        const aware = await laboratory.measure(awq(grid));
        const [found, most] = [aware.perplexity, Math.min(published.awq, plain.perplexity)];
        assert.ok(found <= most, `awq: ${found} against ${most}`);
        const compensated = await laboratory.measure(gptq(grid));
        const allowed = Math.min(1.003 * published.gptq, plain.perplexity); // 0.3 % is noise
        assert.ok(compensated.perplexity <= allowed, `gptq: ${compensated.perplexity}`);
        for (
          const { name, error, rtnError } of [...aware.report.layers, ...compensated.report.layers]
        ) {
          assert.ok(error > 0 && error < 0.5 && rtnError > 0, `${name}: ${error}, ${rtnError}`);
        }
      },
    });
  }
}
