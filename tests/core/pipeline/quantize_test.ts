import assert from "node:assert/strict";
import { openModel } from "../../../core/model/open_model.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { testBackends } from "../../test_backends.ts";
import {
  BIASED,
  folding,
  GROUPED,
  logitsOf,
  nearest,
  QWEN2,
  QWEN3,
  relativeDifference,
  tinyCalibration,
  Workshop,
} from "./pipeline_fixtures.ts";

const CALIBRATION = tinyCalibration();
const IDS = tinyCalibration(1, 20).ids;
const FORMAT = "awq-gemm";
const GRAM = { absMean: true, gram: true };

for (const { name: backendName, create } of testBackends()) {
  for (const [name, config] of Object.entries({ GROUPED, BIASED, QWEN2, QWEN3 })) {
    for (const dtype of ["F32", "BF16"] as const) {
      Deno.test(`a written checkpoint gives the logits of the model in memory: ${name}, ${dtype} (${backendName})`, async () => {
        using backend = await create();
        await using workshop = await Workshop.create(config, { dtype });
        using model = await workshop.open(backend);
        const options = { model, backend, plugins: [folding(GRAM)], calibration: CALIBRATION };
        const report = await quantize({ ...options, format: FORMAT, out: workshop.out });
        const inMemory = await quantizeInMemory(options);
        using kept = inMemory.model;
        using reopened = await openModel(workshop.out, backend);
        const [fromFile, fromMemory] = [await logitsOf(reopened, IDS), await logitsOf(kept, IDS)];
        assert.deepEqual(fromFile, fromMemory);
        const original = await logitsOf(model, IDS);
        const difference = relativeDifference(original, fromFile);
        assert.ok(difference > 1e-3 && difference < 0.7, `${difference}`);

        assert.deepEqual(workshop.names(), ["model", "out"]);
        assert.equal(report.layers.length, 14);
        assert.deepEqual(report.layers.map(({ name }) => name), model.linears.map((l) => l.name));
        for (const { error, rtnError, method, bits, groupSize } of report.layers) {
          assert.deepEqual([method, bits, groupSize], ["folding", 4, 16]);
          assert.ok(error > 0 && error < 0.1 && rtnError > 0 && rtnError < 0.1);
        }
        assert.deepEqual(inMemory.report.layers, report.layers);
        assert.equal(report.bytesBefore, model.checkpoint.byteLength);
        assert.equal(report.bytesAfter, reopened.checkpoint.byteLength);
        assert.equal(inMemory.report.bytesAfter, report.bytesAfter);
        assert.equal(report.calibrationTokens, 60);
      });
    }
  }
}

Deno.test("memory limits change how the work is done and not what comes of it", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  using model = await workshop.open(backend);
  const calibration = tinyCalibration(160, 48); // hidden states of 960 KiB
  const options = { model, backend, plugins: [folding(GRAM)], calibration };
  const free = await quantize({ ...options, format: FORMAT, out: workshop.out });
  assert.deepEqual([free.plan.batch, free.plan.spill], [42, false]);
  const spilled = await quantize({
    ...options,
    format: FORMAT,
    out: `${workshop.folder}/spilled`,
    memory: free.plan.peak - free.plan.parts.activations - (256 << 10),
  });
  assert.ok(spilled.plan.spill && spilled.plan.peak < free.plan.peak);
  assert.deepEqual(spilled.layers.map(({ name }) => name), free.layers.map(({ name }) => name));
  for (const [i, { error }] of spilled.layers.entries()) {
    assert.ok(Math.abs(error / (free.layers[i]?.error ?? NaN) - 1) < 1e-4);
  }
  assert.deepEqual(
    await Deno.readFile(`${workshop.folder}/spilled/model.safetensors`),
    await Deno.readFile(`${workshop.out}/model.safetensors`),
  );
  assert.deepEqual(workshop.names(), ["model", "out", "spilled"]);
});

Deno.test("a run tells what it does", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  const events: PipelineEvent[] = [];
  await quantize({
    model: workshop.model,
    backend,
    plugins: [folding(GRAM)],
    calibration: CALIBRATION,
    format: FORMAT,
    out: workshop.out,
    onEvent: (event) => events.push(event),
  });
  const told = events.map((event) => {
    if (event.type === "stage") return `${event.stage} ${event.state}`;
    if (event.type === "block") return `block ${event.index} ${event.state}`;
    if (event.type === "linear") return `linear ${event.done}/${event.total}`;
    return event.type === "forward" ? `forward ${event.done}/${event.total}` : event.type;
  });
  const linears = (from: number) => Array.from({ length: 7 }, (_, i) => `linear ${from + i}/14`);
  assert.deepEqual(told, [
    "plan",
    "embed start",
    "embed finish",
    "blocks start",
    "block 0 start",
    "forward 5/5",
    ...linears(1),
    "block 0 finish",
    "block 1 start",
    "forward 5/5",
    ...linears(8),
    "block 1 finish",
    "blocks finish",
    "copy start",
    "copy finish",
    "verify start",
    "verify finish",
  ]);
  const blocks = events.filter((event) => event.type === "block");
  assert.deepEqual(blocks.map(({ secondsLeft }) => secondsLeft !== undefined), [
    false,
    true,
    true,
    true,
  ]);
  assert.equal(blocks.at(-1)?.secondsLeft, 0);
});

Deno.test("linears that no plugin takes stay plain and are listed", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(BIASED, { dtype: "BF16" });
  const plugin = folding(GRAM);
  const leaving: Plugin = {
    ...plugin,
    quantizeLinear: (linear, ctx) =>
      linear.role === "down" ? undefined : plugin.quantizeLinear?.(linear, ctx),
  };
  const options = { model: workshop.model, backend, plugins: [leaving], calibration: CALIBRATION };
  const report = await quantize({
    ...options,
    skip: ["0.self_attn.q_proj"],
    format: FORMAT,
    out: workshop.out,
    shardBytes: 8000,
  });
  const plain = report.layers.filter(({ method }) => method === "none");
  const names = [
    "model.layers.0.self_attn.q_proj",
    "model.layers.0.mlp.down_proj",
    "model.layers.1.mlp.down_proj",
  ];
  assert.deepEqual(plain.map(({ name }) => name), names);
  assert.equal(plain[0]?.bits, 16);
  using reopened = await openModel(workshop.out, backend);
  const { modules_to_not_convert: listed } = reopened.rawConfig.quantization_config as {
    modules_to_not_convert: string[];
  };
  assert.deepEqual(listed, names);
  assert.ok([...Deno.readDirSync(workshop.out)].length > 3, "several shards");
  using original = await workshop.open(backend);
  for (const [name, { dtype, shape }] of original.checkpoint.entries) {
    const linear = original.linears.find((info) => `${info.name}.weight` === name);
    if (linear !== undefined && !names.includes(linear.name)) continue;
    const entry = reopened.checkpoint.entries.get(name);
    assert.deepEqual([entry?.dtype, entry?.shape], [dtype, shape], name);
  }
  const skipping = await quantizeInMemory({ ...options, skip: ["0.self_attn.q_proj"] });
  using kept = skipping.model;
  assert.deepEqual(await logitsOf(reopened, IDS), await logitsOf(kept, IDS));
  const difference = relativeDifference(await logitsOf(original, IDS), await logitsOf(kept, IDS));
  assert.ok(difference < 0.5, `${difference}`);
});

Deno.test("whole rows are one group size, whatever their length", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  const report = await quantize({
    model: workshop.model,
    backend,
    plugins: [nearest({ groupSize: -1 })],
    format: FORMAT,
    out: workshop.out,
  });
  assert.equal(report.groupSize, -1);
  using reopened = await openModel(workshop.out, backend);
  assert.equal(reopened.quantization?.groupSize, -1);
});

Deno.test("a dry run checks and predicts and writes nothing", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  const report = await quantize({
    model: workshop.model,
    backend,
    plugins: [folding(GRAM)],
    calibration: CALIBRATION,
    format: FORMAT,
    out: `${workshop.folder}/deep/out`,
    dryRun: true,
  });
  assert.ok(report.dryRun && report.plan.peak > 0);
  assert.deepEqual([report.layers, report.bytesAfter], [[], 0]);
  assert.deepEqual(workshop.names(), ["model"]);
});

Deno.test("the same seed gives the same checkpoint, another one does not", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  const make = async (name: string, seed: number): Promise<Uint8Array> => {
    const out = `${workshop.folder}/${name}`;
    await quantize({
      model: workshop.model,
      backend,
      plugins: [folding(GRAM)],
      calibration: CALIBRATION,
      format: FORMAT,
      out,
      seed,
    });
    return await Deno.readFile(`${out}/model.safetensors`);
  };
  const first = await make("a", 1);
  assert.deepEqual(await make("b", 1), first);
  assert.notDeepEqual(await make("c", 2), first);
});

Deno.test("a tied embedding may be stored under the head's name alone", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED, { omit: ["model.embed_tokens.weight"] });
  const tied = { ...GROUPED, tie_word_embeddings: true };
  await Deno.writeTextFile(`${workshop.model}/config.json`, JSON.stringify(tied));
  const options = {
    model: workshop.model,
    backend,
    plugins: [folding(GRAM)],
    calibration: CALIBRATION,
  };
  await quantize({ ...options, format: FORMAT, out: workshop.out });
  using reopened = await openModel(workshop.out, backend);
  const inMemory = await quantizeInMemory(options);
  using kept = inMemory.model;
  assert.deepEqual(await logitsOf(reopened, IDS), await logitsOf(kept, IDS));
});
