import assert from "node:assert/strict";
import { resolveGrid } from "../../../core/grid_helpers.ts";
import { measureLinear } from "../../../core/pipeline/linear_error.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { LinearReport, Plugin } from "../../../core/plugin.ts";
import { seededRandom } from "../../../core/random.ts";
import { testBackends } from "../../test_backends.ts";
import {
  BIASED,
  folding,
  GROUPED,
  logitsOf,
  nearest,
  relativeDifference,
  tinyCalibration,
  Workshop,
} from "./pipeline_fixtures.ts";

const CALIBRATION = tinyCalibration();
const IDS = tinyCalibration(1, 20).ids;
const GRAM = { absMean: true, gram: true };

for (const { name: backendName, create } of testBackends()) {
  Deno.test(`the figures are those of plain rounding where nothing is folded (${backendName})`, async () => {
    using backend = await create();
    await using workshop = await Workshop.create(GROUPED);
    const common = { model: workshop.model, backend };
    const observing = nearest({}, { observe: () => ({ gram: true }) });
    const seen = await quantizeInMemory({
      ...common,
      plugins: [observing],
      calibration: CALIBRATION,
    });
    seen.model[Symbol.dispose]();
    const unseen = await quantizeInMemory({ ...common, plugins: [nearest()] });
    unseen.model[Symbol.dispose]();
    for (const [i, layer] of seen.report.layers.entries()) {
      assert.ok(Math.abs(layer.error / layer.rtnError - 1) < 1e-6);
      const other = unseen.report.layers[i];
      assert.ok(other !== undefined && Math.abs(other.error / other.rtnError - 1) < 1e-6);
      assert.ok(layer.error !== other.error);
    }
  });

  Deno.test(`the error of weights is the naive one where nothing is observed (${backendName})`, async () => {
    using backend = await create();
    await using workshop = await Workshop.create(GROUPED);
    using model = await workshop.open(backend);
    const figures: number[] = [];
    const plugin = nearest({ bits: 3, groupSize: 8 });
    const { model: kept, report } = await quantizeInMemory({
      model,
      backend,
      plugins: [{
        ...plugin,
        async quantizeLinear(linear, ctx) {
          const answer = await plugin.quantizeLinear?.(linear, ctx);
          assert.ok(answer !== undefined);
          using rounded = await ctx.ops.dequantize(answer.weight);
          const [q, w] = [ctx.ops.download(rounded), ctx.ops.download(linear.weight)];
          const squares = (values: Float32Array) =>
            values.reduce((s, value) => s + value * value, 0);
          figures.push(squares(w.map((value, i) => value - (q[i] ?? 0))) / squares(w));
          return answer;
        },
      }],
    });
    kept[Symbol.dispose]();
    for (const [i, { error }] of report.layers.entries()) {
      assert.ok(Math.abs(error / (figures[i] ?? NaN) - 1) < 1e-4);
    }
  });

  Deno.test(`the figures of folded linears are those of the original coordinates (${backendName})`, async () => {
    using backend = await create();
    await using workshop = await Workshop.create(BIASED);
    using model = await workshop.open(backend);
    const run = async (plugin: Plugin): Promise<readonly LinearReport[]> => {
      const common = { model, backend, plugins: [plugin], calibration: CALIBRATION };
      const { model: kept, report } = await quantizeInMemory(common);
      kept[Symbol.dispose]();
      return report.layers;
    };
    const plain = await run(nearest({}, { observe: () => GRAM }));
    const folded = await run(folding(GRAM));
    const powers = await run({
      ...folding(GRAM),
      async transformBlock(block) {
        // Powers of two on whole groups change no rounding at all.
        for (const set of block.scaleSets) {
          const factors = set.channelOf.map((channel) => channel < 16 ? 1 : 2);
          await block.foldScales(set, Float32Array.from(factors));
        }
      },
    });
    const unseen = await run(nearest());
    for (const [i, { rtnError }] of (await run(folding(undefined))).entries()) {
      const wanted = unseen[i]?.rtnError ?? NaN;
      assert.ok(Math.abs(rtnError / wanted - 1) < 1e-4, `${rtnError} is not ${wanted}`);
    }
    for (const [i, { rtnError }] of plain.entries()) {
      const found = folded[i]?.rtnError ?? NaN;
      assert.ok(Math.abs(found / rtnError - 1) < 0.02, `${found} is not ${rtnError}`);
      assert.ok(Math.abs((powers[i]?.error ?? NaN) / rtnError - 1) < 0.02);
    }
    assert.ok(folded.some(({ error }, i) => Math.abs(error / (plain[i]?.error ?? NaN) - 1) > 0.1));
  });
}

Deno.test("a model that stays in memory takes any bits, linear by linear", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  using model = await workshop.open(backend);
  const original = await logitsOf(model, IDS);
  const differences: number[] = [];
  for (const bits of [2, 3, 4, 5, 8]) {
    const result = await quantizeInMemory({ model, backend, plugins: [nearest({ bits })] });
    using kept = result.model;
    assert.equal(kept.quantization?.bits, bits);
    differences.push(relativeDifference(original, await logitsOf(kept, IDS)));
    const values = model.linears.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
    const rest = model.checkpoint.byteLength - 4 * values;
    const container = bits <= 4 ? 0.5 : 1;
    assert.equal(
      result.report.bytesAfter,
      rest + values * container + values / 16 * (2 + container),
    );
  }
  assert.deepEqual(differences, differences.toSorted((a, b) => b - a));
  assert.ok((differences.at(-1) ?? 1) < 0.02);

  const [three, eight] = [nearest({ bits: 3 }), nearest({ bits: 8, groupSize: -1 })];
  const mixed = await quantizeInMemory({
    model,
    backend,
    plugins: [
      {
        ...eight,
        name: "eight",
        quantizeLinear: (linear, ctx) =>
          linear.role === "down" ? eight.quantizeLinear?.(linear, ctx) : undefined,
      },
      three,
    ],
  });
  using _ = mixed.model;
  const { report } = mixed;
  assert.deepEqual([report.bits, report.groupSize, report.method], [null, null, "eight+nearest"]);
  assert.deepEqual(
    report.layers.slice(5, 7).map(({ method, bits, groupSize }) => [method, bits, groupSize]),
    [["nearest", 3, 16], ["eight", 8, 64]],
  );
  const { quantization, linears } = mixed.model;
  assert.deepEqual([quantization?.bits, quantization?.groupSize], [null, null]);
  assert.deepEqual(
    linears.slice(5, 7).map((linear) => quantization?.of(linear)),
    [{ bits: 3, groupSize: 16, symmetric: false }, { bits: 8, groupSize: 64, symmetric: false }],
  );
});

Deno.test("the error of a large weight is measured on rows spread over all of it", async () => {
  using backend = await testBackends().at(-1)!.create();
  const [outputs, inputs] = [4100, 1100];
  const random = seededRandom("large weight");
  // The last quarter of the rows has outliers, which make its error larger.
  const values = Float32Array.from({ length: outputs * inputs }, (_, i) => {
    const outlier = i > 0.75 * outputs * inputs && random() < 0.01 ? 20 : 1;
    return (random() - 0.5) * outlier;
  });
  using weight = backend.upload(values, "F32", [outputs, inputs]);
  const info = {
    name: "large",
    block: 0,
    role: "up",
    shape: [outputs, inputs],
    dtype: "F32",
    site: "mlp",
  } as const;
  const grid = resolveGrid({ bits: 4, groupSize: 100 }, info);
  using quantized = await backend.quantize(weight, grid);
  const { error, rtnError } = await measureLinear(
    backend,
    {
      info,
      weight,
      changed: false,
      quantized: undefined,
      bias: undefined,
      biasChanged: false,
      rowFactors: undefined,
      columnFactors: undefined,
    },
    undefined,
    quantized,
  );
  using rounded = await backend.dequantize(quantized);
  const found = backend.download(rounded);
  let [loss, energy] = [0, 0];
  for (const [i, value] of values.entries()) {
    loss += (value - (found[i] ?? NaN)) ** 2;
    energy += value ** 2;
  }
  assert.ok(Math.abs(error / (loss / energy) - 1) < 0.01, `${error} is not ${loss / energy}`);
  assert.equal(error, rtnError);
});
