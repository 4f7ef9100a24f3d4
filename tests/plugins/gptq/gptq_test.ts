import assert from "node:assert/strict";
import type { Backend } from "../../../core/backend.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { awq } from "../../../plugins/awq/mod.ts";
import { gptq } from "../../../plugins/gptq/mod.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { GROUPED, tinyCalibration, Workshop } from "../../core/pipeline/pipeline_fixtures.ts";
import { testBackends } from "../../test_backends.ts";

const GRID = { bits: 3, groupSize: 16 };
const CALIBRATION = tinyCalibration(20, 16);

/** Quantizes a tiny model and tells what happened. */
async function run(backend: Backend, plugins: readonly Plugin[]) {
  await using workshop = await Workshop.create(GROUPED, { dtype: "F32" });
  using original = await workshop.open(backend);
  const events: PipelineEvent[] = [];
  const { model, report } = await quantizeInMemory({
    model: original,
    backend,
    plugins,
    calibration: CALIBRATION,
    onEvent: (event) => events.push(event),
  });
  model[Symbol.dispose]();
  const warnings = events.filter((event) => event.type === "log" && event.level === "warn");
  return { layers: report.layers, warnings: warnings.map((event) => JSON.stringify(event)) };
}

for (const { name, create } of testBackends()) {
  Deno.test(`gptq() leaves less error in every linear than rounding to nearest (${name})`, async () => {
    using backend = await create();
    for (
      const options of [{}, { order: "groups", groups: "dynamic" }, {
        ranges: false,
        sequential: true,
      }] as const
    ) {
      const { layers, warnings } = await run(backend, [gptq({ ...GRID, ...options })]);
      assert.equal(layers.length, 14);
      assert.deepEqual(warnings, []);
      for (const { name, error, rtnError, method, notes } of layers) {
        assert.equal(method, "gptq");
        assert.equal(notes.damping, 0.01);
        assert.ok(error < rtnError, `${name}: ${error} against ${rtnError}`);
      }
    }
  });

  Deno.test(`gptq() rounds what awq() scaled (${name})`, async () => {
    using backend = await create();
    const scaling = awq({ ...GRID, quantize: false, gridPoints: 5 });
    const { layers } = await run(backend, [scaling, gptq(GRID)]);
    const total = (key: "error" | "rtnError") => layers.reduce((sum, one) => sum + one[key], 0);
    assert.ok(total("error") < total("rtnError"));
    assert.ok(layers.every(({ method }) => method === "gptq"));
    assert.ok(layers.some(({ scaleExponent }) => (scaleExponent ?? 0) > 0));
  });

  Deno.test(`gptq() factorizes once for linears of one input (${name})`, async () => {
    using plain = await create();
    let calls = 0;
    const backend: Backend = {
      ...plain,
      factorGram(gram, options) {
        calls++;
        return plain.factorGram(gram, options);
      },
    };
    await run(backend, [gptq(GRID)]);
    assert.equal(calls, 2 * 4);
    assert.equal(plain.allocatedBytes(), 0);
  });

  Deno.test(`gptq() rounds to nearest, and says so, where no damping helps (${name})`, async () => {
    using plain = await create();
    const backend: Backend = { ...plain, factorGram: () => Promise.resolve(undefined) };
    const { layers, warnings } = await run(backend, [
      gptq({ ...GRID, sequential: false, propagate: false }),
    ]);
    assert.equal(warnings.length, 14);
    assert.match(warnings[0]!, /q_proj is not positive definite: it was rounded to nearest/);
    const { layers: nearest } = await run(plain, [rtn(GRID)]);
    assert.equal(nearest.length, 14);
    for (const { name, error, rtnError, notes } of layers) {
      assert.equal(error, rtnError, name);
      assert.equal(notes.compensated, false);
    }
  });
}
