import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import type { QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import { awq } from "../../../plugins/awq/mod.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { nearest, tinyCalibration } from "../pipeline/pipeline_fixtures.ts";
import { isDone, ResumeBench } from "./journal_fixtures.ts";

const { create } = testBackends().at(-1)!;
const GRID = { bits: 4, groupSize: 32 };

Deno.test("a run of other options is refused in one line that names what differs", async () => {
  using backend = await create();
  const calibration = tinyCalibration();
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, calibration, plugins: [awq(GRID)] },
  }));
  await bench.interrupt((event) => isDone(event, 1));
  const others: Readonly<Record<string, Partial<QuantizeOptions>>> = {
    "seed \\(0 then, 7 now\\)": { seed: 7 },
    "the plugins and their options": { plugins: [awq({ ...GRID, gridPoints: 10 })] },
    "the calibration text": { calibration: tinyCalibration(5, 12, 63) },
    "the calibration text, samples and seq-len \\(5 of 12 then, 4 of 12 now\\)": {
      calibration: tinyCalibration(4, 12),
    },
    "the format \\(awq-gemm then, gptq now\\)": { format: "gptq" },
    "skip": { skip: ["down_proj"] },
    "rules": { rules: [{ match: "down", bits: 4 }] },
    "shard bytes": { shardBytes: 1000 },
    "files": { resume: { key: { files: "other" } } },
  };
  for (const [what, options] of Object.entries(others)) {
    for (const dryRun of [false, true]) {
      await assert.rejects(bench.run({ ...options, dryRun }), (error) => {
        assert.ok(error instanceof SalientError && error.exitStatus === 2);
        assert.match(
          error.message,
          new RegExp(
            `holds the work of another run, which differs in ${what}[ :(].*remove that folder`,
          ),
        );
        return true;
      });
    }
  }
  const changed = Deno.readFileSync(`${bench.workshop.model}/model.safetensors`);
  const original = changed.slice();
  changed[changed.length - 8]! ^= 1;
  changed.fill(1, changed.length - 64);
  changed.fill(1, changed.length >> 1, (changed.length >> 1) + 9000);
  Deno.writeFileSync(`${bench.workshop.model}/model.safetensors`, changed);
  await assert.rejects(bench.run(), /differs in the model:/);
  Deno.writeFileSync(`${bench.workshop.model}/model.safetensors`, original);
  const report = await bench.run();
  assert.equal(report.resumedBlocks, 2);
  await bench.checkAndRemove(report);
});

Deno.test("what a plugin asks for in its setup is compared too", async () => {
  using backend = await create();
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, plugins: [nearest({ groupSize: 32 })] },
  }));
  await bench.interrupt((event) => isDone(event, 1));
  const plugins = [nearest({ groupSize: 16 })];
  await assert.rejects(bench.run({ plugins }), /differs in what the plugins ask for in setup/);
});

Deno.test("hidden states that are missing or damaged are refused, and nothing of them used", async () => {
  using backend = await create();
  const calibration = tinyCalibration();
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, calibration, plugins: [awq(GRID)] },
  }));
  await bench.interrupt((event) => isDone(event, 1));
  const path = `${bench.work}/states-1`;
  const states = await Deno.readFile(path);
  assert.equal(states.length, 60 * 32 * 4);
  const flipped = states.slice();
  flipped[1000]! ^= 1;
  for (const damaged of [undefined, states.subarray(4), flipped]) {
    await Deno.remove(path).catch(() => {});
    if (damaged !== undefined) await Deno.writeFile(path, damaged);
    await assert.rejects(bench.run(), /states-1 is missing or damaged.*start over/);
  }
});

Deno.test("two runs on one output: the second is refused, and the first goes on", async () => {
  using backend = await create();
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, plugins: [rtn(GRID)] },
  }));
  const errors: unknown[] = [];
  const blockDone = async (): Promise<void> => {
    for (const dryRun of [false, true]) {
      await bench.run({ dryRun }).catch((error) => errors.push(error));
    }
  };
  const report = await bench.run({ plugins: [{ ...rtn(GRID), blockDone }] });
  assert.equal(errors.length, 8);
  for (const error of errors) {
    assert.ok(error instanceof SalientError && error.exitStatus === 2, String(error));
    assert.match(error.message, /is in use: another run is at work on the same output/);
  }
  await bench.checkAndRemove(report);
});

Deno.test("a dry run says what would be kept and changes nothing", async () => {
  using backend = await create();
  await using bench = await ResumeBench.create(({ model }) => ({
    ...{ model, backend, plugins: [rtn(GRID)] },
  }));
  assert.equal((await bench.run({ dryRun: true })).resumedBlocks, 0);
  assert.deepEqual(bench.workshop.names(), ["expected", "model"]);
  await bench.interrupt((event) => isDone(event, 2));
  const before = Deno.readFileSync(`${bench.work}/journal`);
  assert.equal((await bench.run({ dryRun: true })).resumedBlocks, 3);
  assert.deepEqual(Deno.readFileSync(`${bench.work}/journal`), before);
});
