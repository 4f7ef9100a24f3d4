import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { openModel } from "../../../core/model/open_model.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { quantize, type QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { RunOptions } from "../../../core/pipeline/run_options.ts";
import { BlockProbe } from "../../../core/planning/probe_block.ts";
import { resolveGrid } from "../../../core/grid_helpers.ts";
import { testBackends } from "../../test_backends.ts";
import {
  folding,
  GROUPED,
  logitsOf,
  nearest,
  tinyCalibration,
  Workshop,
} from "../pipeline/pipeline_fixtures.ts";

const CALIBRATION = tinyCalibration();
const IDS = tinyCalibration(1, 20).ids;

/** Quantizes in memory; the report and the logits. */
async function planned(options: Partial<RunOptions>) {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  const before = backend.allocatedBytes();
  const { model, report } = await quantizeInMemory({
    model: workshop.model,
    backend,
    plugins: [nearest({ bits: 4 })],
    calibration: CALIBRATION,
    ...options,
  });
  const logits = await logitsOf(model, IDS);
  model[Symbol.dispose]();
  assert.equal(backend.allocatedBytes(), before, "tensors were left behind");
  return { report, plan: report.bitPlan, logits };
}

/** The error of writing; nothing may be left behind and no block may have been run. */
async function refusal(options: Partial<QuantizeOptions>): Promise<SalientError> {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  const events: PipelineEvent[] = [];
  try {
    await quantize({
      model: workshop.model,
      backend,
      plugins: [nearest()],
      calibration: CALIBRATION,
      format: "pack-quantized",
      out: workshop.out,
      targetBits: 5,
      onEvent: (event) => events.push(event),
      ...options,
    });
  } catch (error) {
    assert.ok(error instanceof SalientError, `${error}`);
    assert.deepEqual(workshop.names(), ["model"]);
    assert.ok(!events.some(({ type }) => type === "block"));
    return error;
  }
  return assert.fail("nothing was thrown");
}

for (const { name, create } of testBackends()) {
  Deno.test(`a block's probe measures what its output loses, token by token, on ${name}`, async () => {
    using backend = await create();
    await using workshop = await Workshop.create(GROUPED);
    using model = await workshop.open(backend);
    using block = await model.loadBlock(1);
    const down = block.linears.get("down")!;
    const grids = [2, 3, 4, 8].map((bits) => resolveGrid({ bits, groupSize: 16 }, down.info));
    const probe = new BlockProbe({
      ops: backend,
      block,
      grids: new Map([[down.info.name, grids]]),
      precision: "fp32",
    });
    using input = await model.embed(CALIBRATION.ids.subarray(0, 24));
    for (const part of [0, 1]) {
      using rows = backend.rows(input, part * 12, 12);
      using _ = await probe.add(rows, 1, () => {});
    }
    const found = probe.errors().get(down.info.name)!;
    using output = await block.run(input, { sequences: 2 });
    const expected = backend.download(output);
    for (const [i, grid] of grids.slice(0, 3).entries()) {
      using weight = model.checkpoint.tensor(`${down.info.name}.weight`);
      using rounded = await backend.fakeQuantize(weight, grid);
      const overrides = new Map([[down.info.name, rounded]]);
      using changed = await block.run(input, { sequences: 2, overrides });
      const values = backend.download(changed);
      let mean = 0;
      for (let row = 0; row < 24; row++) {
        let [error, energy] = [0, 0];
        for (let k = row * 32; k < (row + 1) * 32; k++) {
          error += (values[k]! - expected[k]!) ** 2;
          energy += expected[k]! ** 2;
        }
        mean += error / energy / 24;
      }
      assert.ok(Math.abs(found[i]! / mean - 1) < 1e-3, `${found[i]} is not ${mean}`);
    }
    assert.ok(Math.abs(found[3]! / (found[2]! * (15 / 255) ** 2) - 1) < 1e-9);
  });
}

Deno.test("a target gives each linear bits, within the budget and better than any uniform ones", async () => {
  const { report, plan, logits } = await planned({ targetBits: 5 });
  assert.ok(plan !== null);
  assert.ok(plan.bitsPerWeight <= 5 && plan.bitsPerWeight > 4.9, `${plan.bitsPerWeight}`);
  assert.ok(Math.abs(report.bitsPerWeight - plan.bitsPerWeight) < 1e-9);
  assert.deepEqual([plan.targetBits, plan.bound], [5, plan.error]);
  assert.deepEqual(report.layers.map(({ bits }) => bits), plan.linears.map(({ bits }) => bits));
  assert.ok(new Set(plan.linears.map(({ bits }) => bits)).size > 1);
  const errorOf = (pick: (bits: number) => number): number =>
    plan.linears.reduce(
      (sum, { bits, errors }) => sum + errors.find((each) => each.bits === pick(bits))!.error,
      0,
    );
  assert.ok(Math.abs(errorOf((bits) => bits) - plan.error) < 1e-9);
  // Three bits take 4.19 with their scales, within the budget.
  assert.ok(plan.error < errorOf(() => 3));
  for (const { errors } of plan.linears) {
    assert.deepEqual(errors.map(({ bits }) => bits), [2, 3, 4, 5, 6, 8]);
    const values = errors.map(({ error }) => error);
    assert.deepEqual(values, values.toSorted((a, b) => b - a));
  }
  assert.ok(report.stages.bits !== undefined && report.seconds >= plan.seconds);
  const again = await planned({ rules: plan.rules });
  assert.deepEqual(again.logits, logits, "the plan's rules give the same model");
  assert.equal(again.plan, null);
});

Deno.test("more bits make a smaller error, and what rules and choices say is kept", async () => {
  const errors: number[] = [];
  for (const targetBits of [3.5, 4.5, 6, 16]) {
    errors.push((await planned({ targetBits })).plan!.error);
  }
  assert.deepEqual(errors, errors.toSorted((a, b) => b - a));
  const { report, plan } = await planned({
    targetBits: { bits: 6.2, choices: [4, 3] },
    rules: [{ match: "down", bits: 8 }, { match: "q", skip: true }, { match: "v", groupSize: 8 }],
    plugins: [folding({ absMean: true, gram: true })],
  });
  for (const layer of report.layers) {
    const role = layer.name.split(".").at(-1);
    if (role === "down_proj") assert.equal(layer.bits, 8);
    else if (role === "q_proj") assert.equal(layer.method, "none");
    else assert.ok([3, 4].includes(layer.bits));
    if (role === "v_proj") assert.equal(layer.groupSize, 8);
  }
  assert.ok(plan!.bitsPerWeight <= 6.2 && plan!.bitsPerWeight > 5.8);
  assert.deepEqual(report.rules.map(({ linears }) => linears), [2, 2, 2]);
  assert.ok(!plan!.rules.some(({ match }) => /down|q_proj/.test(match)));
});

Deno.test("linears that engines run as one matrix get the same bits", async () => {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  const report = await quantize({
    model: workshop.model,
    backend,
    plugins: [nearest()],
    calibration: CALIBRATION,
    format: "pack-quantized",
    out: workshop.out,
    targetBits: 5.2,
  });
  const bits = report.layers.map((layer) => layer.bits);
  assert.ok(new Set(bits).size > 1, `${bits}`);
  for (const block of [bits.slice(0, 7), bits.slice(7)]) {
    assert.deepEqual(new Set(block.slice(0, 3)).size, 1);
    assert.deepEqual(new Set(block.slice(4, 6)).size, 1);
  }
  using reopened = await openModel(workshop.out, backend);
  assert.deepEqual(
    reopened.linears.map((linear) => reopened.quantization?.of(linear)?.bits),
    bits,
  );
});

Deno.test("targets that cannot be are refused before any work", async () => {
  const cases: [Partial<QuantizeOptions>, RegExp][] = [
    [{ format: "awq-gemm" }, /^Format awq-gemm stores all linears on one grid: for target bits/],
    [{ targetBits: 2.2 }, /^Target bits of 2.2 are below 3\.\d+, the least that the linears take/],
    [{ targetBits: 1 }, /^Target bits must lie from 2 to 16 but is 1/],
    [{ targetBits: NaN }, /but is NaN/],
    [{ targetBits: { bits: 4, choices: [] } }, /^Choices of target bits must be whole numbers/],
    [{ targetBits: { bits: 4, choices: [9] } }, /^Choices of target bits .* but are 9/],
    [{ targetBits: { bits: 4, more: 1 } as never }, /unknown field more: use bits, choices, tied/],
    [{ targetBits: { bits: 4, tied: 1 } as never }, /^Tied must be true or false/],
    [{ calibration: undefined }, /give a calibration text/],
    [{ targetBits: 2.2, dryRun: true }, /are below/],
    [{ plugins: [{ ...nearest(), setup: () => {} }] }, /^No plugin says in its setup which grid/],
  ];
  for (const [options, text] of cases) {
    const error = await refusal(options);
    assert.match(error.message, text);
    assert.ok(!error.message.includes("\n"));
  }
  const good = await planned({ targetBits: 4 });
  assert.ok(good.plan !== null);
});
