import assert from "node:assert/strict";
import { quantizeInMemory } from "../../core/pipeline/quantize_in_memory.ts";
import type { Plugin } from "../../core/plugin.ts";
import { awq } from "../../plugins/awq/mod.ts";
import { rtn } from "../../plugins/rtn/mod.ts";
import {
  GROUPED,
  logitsOf,
  relativeDifference,
  tinyCalibration,
  Workshop,
} from "../core/pipeline/pipeline_fixtures.ts";
import { testBackends } from "../test_backends.ts";

const IDS = tinyCalibration(1, 20).ids;
const METHODS: Record<string, (bits: number, symmetric: boolean) => Plugin> = {
  rtn: (bits, symmetric) => rtn({ bits, groupSize: 16, symmetric }),
  awq: (bits, symmetric) => awq({ bits, groupSize: 16, symmetric }),
};

for (const [name, make] of Object.entries(METHODS)) {
  for (const symmetric of [false, true]) {
    Deno.test(`${name} runs with 2 to 8 bits, ${symmetric ? "symmetric" : "asymmetric"}`, async () => {
      using backend = await testBackends().at(-1)!.create();
      await using workshop = await Workshop.create(GROUPED);
      using model = await workshop.open(backend);
      const original = await logitsOf(model, IDS);
      const differences: number[] = [];
      for (const bits of [2, 3, 4, 5, 6, 8]) {
        const plugins = [make(bits, symmetric)];
        const calibration = tinyCalibration();
        const result = await quantizeInMemory({ model, backend, plugins, calibration });
        using kept = result.model;
        assert.ok(result.report.layers.every((layer) => layer.bits === bits));
        assert.equal(kept.quantization?.of(model.linears[0]!)?.symmetric, symmetric);
        differences.push(relativeDifference(original, await logitsOf(kept, IDS)));
      }
      const [two = 0, three = 0, four = 0, five = 0, six = 0, eight = 1] = differences;
      assert.ok(two > four && three > five && four > six && six > eight, `${differences}`);
      assert.ok(eight < 0.03, `${differences}`);
    });
  }
}
