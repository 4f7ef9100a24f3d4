import assert from "node:assert/strict";
import { diskError } from "../../../core/checkpoint/disk_error.ts";
import { SalientError } from "../../../core/errors.ts";
import { findOutput } from "../../../core/output/find_output.ts";
import type { OutputFormat } from "../../../core/output/model_output.ts";
import type { QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import type { BlockReport } from "../../../core/plugin.ts";
import { awq } from "../../../plugins/awq/mod.ts";
import { gptq } from "../../../plugins/gptq/mod.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { smoothquant } from "../../../plugins/smoothquant/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { folding, tinyCalibration } from "../pipeline/pipeline_fixtures.ts";
import { turning } from "../rotation/rotation_fixtures.ts";
import { isDone, putFiles, ResumeBench } from "./journal_fixtures.ts";

const { create } = testBackends().at(-1)!;
const GRID = { bits: 4, groupSize: 32 };

/** Whatever passes something from block to block, and every kind of output. */
const RUNS: Readonly<Record<string, Omit<QuantizeOptions, "model" | "backend" | "out">>> = {
  "rtn to awq-gemm": { plugins: [rtn(GRID)], format: "awq-gemm" },
  "awq to several shards of awq-gemm": {
    plugins: [awq(GRID)],
    format: "awq-gemm",
    shardBytes: 9000,
  },
  "awq to gguf": { plugins: [awq(GRID)], format: "gguf" },
  "gptq with propagated errors to gptq": {
    plugins: [gptq({ ...GRID, sequential: true, propagate: true })],
    format: "gptq",
  },
  "smoothquant to int-quantized": { plugins: [smoothquant()], format: "int-quantized" },
  "folds and plain linears to dequantized": {
    plugins: [
      folding({ gram: true }),
    ],
    rules: [{ match: "*.down_proj", skip: true }],
    format: "dequantized",
  },
  "a rotation and gptq to pack-quantized": {
    plugins: [turning(), gptq({ bits: 3, groupSize: 16, propagate: true })],
    format: "pack-quantized",
  },
  "bits for a target to gptq": {
    plugins: [rtn(GRID)],
    targetBits: 5.5,
    format: "gptq",
  },
};

for (const [name, options] of Object.entries(RUNS)) {
  Deno.test(`interrupted after any block, a run comes to the same bytes: ${name}`, async () => {
    using backend = await create();
    const calibration = tinyCalibration();
    await using bench = await ResumeBench.create(({ model }) => ({
      ...options,
      model,
      backend,
      calibration,
    }));
    for (const last of [0, 1, 2, 3]) {
      const error = await bench.interrupt((event) => isDone(event, last));
      assert.match(error.message, new RegExp(`^Interrupted: .* kept, ${last + 1} of 4 blocks in `));
      assert.deepEqual(
        [...Deno.readDirSync(bench.work)].some(({ name }) => name === "output"),
        false,
      );
      const report = await bench.run();
      assert.equal(report.resumedBlocks, last + 1);
      await bench.checkAndRemove(report);
    }
    assert.equal(backend.allocatedBytes(), 0);
  });

  Deno.test(`killed at any time, a run comes to the same bytes: ${name}`, async () => {
    using backend = await create();
    const calibration = tinyCalibration();
    await using bench = await ResumeBench.create(({ model }) => ({
      ...options,
      model,
      backend,
      calibration,
    }));
    const snapshots = await bench.snapshots();
    assert.ok(snapshots.length > 30);
    const seen = new Set<number>();
    for (const [i, files] of snapshots.entries()) {
      if (i % 4 !== 0 && i < snapshots.length - 6) continue;
      putFiles(bench.work, files);
      const report = await bench.run();
      seen.add(report.resumedBlocks);
      await bench.checkAndRemove(report);
    }
    assert.deepEqual([...seen], [0, 1, 2, 3, 4]);
  });
}

Deno.test("killed while it is resumed, again and again, a run loses nothing that was done", async () => {
  using backend = await create();
  const calibration = tinyCalibration();
  const plugins = [awq(GRID)];
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, calibration, plugins },
  }));
  for (const last of [0, 1, 2]) {
    await bench.interrupt((event) => isDone(event, last));
    // While the blocks that are done are written again, and before the next one is done.
    await bench.interrupt((event) => event.type === "resume");
    await bench.interrupt((event) => event.type === "linear");
  }
  const report = await bench.run();
  assert.equal(report.resumedBlocks, 3);
  await bench.checkAndRemove(report);
});

Deno.test("a journal that was cut off anywhere is gone on from behind its last whole block", async () => {
  using backend = await create();
  const plugins = [rtn(GRID)];
  await using bench = await ResumeBench.create(({ model }) => ({ model, backend, plugins }));
  await bench.interrupt((event) => isDone(event, 2));
  const journal = await Deno.readFile(`${bench.work}/journal`);
  const seen = new Set<number>();
  const step = Math.ceil(journal.length / 24);
  for (let length = 0; length < journal.length; length += step) {
    await Deno.mkdir(bench.work, { recursive: true });
    await Deno.writeFile(`${bench.work}/journal`, journal.subarray(0, length));
    const report = await bench.run();
    seen.add(report.resumedBlocks);
    await bench.checkAndRemove(report);
  }
  assert.deepEqual([...seen], [0, 1, 2]);
  for (let at = 40; at < journal.length; at += step) {
    await Deno.mkdir(bench.work, { recursive: true });
    const flipped = journal.slice();
    flipped[at]! ^= 1;
    await Deno.writeFile(`${bench.work}/journal`, flipped);
    const report = await bench.run();
    assert.ok(report.resumedBlocks < 3);
    await bench.checkAndRemove(report);
  }
});

Deno.test("plugins hear of blocks that were done, with the reports of then", async () => {
  using backend = await create();
  const heard: BlockReport[] = [];
  const calls: string[] = [];
  const plugin = folding({ gram: true });
  const told = {
    ...plugin,
    quantizeLinear(...[linear, ctx]: Parameters<NonNullable<typeof plugin.quantizeLinear>>) {
      calls.push(linear.name);
      ctx.note(linear.name, { mine: linear.block, odd: NaN });
      return plugin.quantizeLinear?.(linear, ctx);
    },
    blockDone: (report: BlockReport) => void heard.push(report),
  };
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, plugins: [told], calibration: tinyCalibration() },
  }));
  const whole = heard.splice(0);
  await bench.interrupt((event) => isDone(event, 1));
  heard.length = calls.length = 0;
  await bench.checkAndRemove(await bench.run());
  assert.deepEqual(heard.map(({ index, resumed }) => [index, resumed]), [
    ...[[0, true], [1, true], [2, undefined], [3, undefined]],
  ]);
  assert.deepEqual(heard.map(({ linears }) => linears), whole.map(({ linears }) => linears));
  assert.ok(calls.length === 14 && calls.every((name) => /layers\.[23]\./.test(name)));
});

Deno.test("spilled hidden states are kept as well", async () => {
  using backend = await create();
  const calibration = tinyCalibration(160, 48);
  const options = { backend, calibration, plugins: [folding({ absMean: true, gram: true })] };
  await using bench = await ResumeBench.create(({ model }) => ({ ...options, model, memory: 1e9 }));
  const { peak, parts } = bench.report.plan;
  const memory = peak - parts.activations - (256 << 10);
  await bench.interrupt((event) => isDone(event, 2), { memory });
  const report = await bench.run({ memory });
  assert.ok(report.plan.spill && report.resumedBlocks === 3);
  const [found, expected] = [bench.out, bench.expected].map((path) => `${path}/model.safetensors`);
  assert.deepEqual(Deno.readFileSync(found!), Deno.readFileSync(expected!));
  assert.deepEqual(bench.workshop.names(), ["expected", "model", "out"]);
});

Deno.test("a run that did nothing keeps nothing, and one without resume says what is there", async () => {
  using backend = await create();
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, plugins: [rtn(GRID)] },
  }));
  const error = await bench.interrupt((event) => event.type === "linear");
  assert.doesNotMatch(error.message, /kept/);
  assert.deepEqual(bench.workshop.names(), ["expected", "model"]);
  await assert.rejects(bench.run({ out: `${bench.workshop.folder}/a/b/out`, plugins: [] }));
  assert.deepEqual(bench.workshop.names(), ["expected", "model"]);

  await bench.interrupt((event) => isDone(event, 0));
  const warnings: string[] = [];
  await bench.run({
    resume: false,
    onEvent: (event) => event.type === "log" ? warnings.push(event.message) : undefined,
  });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /\.out\.salient-work holds the work of an interrupted run: --resume/);
});

Deno.test("a full disk keeps what is done, and says so", async () => {
  using backend = await create();
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, plugins: [rtn(GRID)] },
  }));
  const format = findOutput("awq-gemm");
  let room = 17;
  const filling: OutputFormat = {
    ...format,
    async create(options) {
      const output = await format.create(options);
      const addLinear = output.addLinear.bind(output);
      output.addLinear = async (...given) => {
        if (--room < 0) {
          throw diskError(options.out, Object.assign(new Error("os error 28"), { code: "ENOSPC" }));
        }
        await addLinear(...given);
      };
      return output;
    },
  };
  await assert.rejects(bench.run({ format: filling }), (error) => {
    assert.ok(error instanceof SalientError && error.code === "disk");
    assert.match(
      error.message,
      /no space left on the disk.*; what is done is kept, 2 of 4 blocks in/,
    );
    return true;
  });
  room = 1000;
  const report = await bench.run({ format: filling });
  assert.equal(report.resumedBlocks, 2);
  await bench.checkAndRemove(report);
});
