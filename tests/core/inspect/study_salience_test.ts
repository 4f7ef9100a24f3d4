import type { Backend } from "../../../core/backend.ts";
import type { CalibrationSet } from "../../../core/calibration/types.ts";
import { salientChannels } from "../../../core/inspect/salient_channels.ts";
import { studySalience } from "../../../core/inspect/study_salience.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { GROUPED, Workshop } from "../pipeline/pipeline_fixtures.ts";
import assert from "node:assert/strict";

const LARGE = 5;
const SEQ_LEN = 16;

/** A model whose blocks see one input channel that is far larger than the others. */
function withOutlier(): Promise<Workshop> {
  return Workshop.create(GROUPED, {
    edit: (name, values) => {
      if (name.includes("input_layernorm")) values[LARGE]! *= 40;
    },
  });
}

function tokens(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (i * i + 7 * i) % 64);
}

function calibration(): CalibrationSet {
  const ids = tokens(4 * SEQ_LEN);
  return { ids, samples: 4, seqLen: SEQ_LEN, tokens: ids.length, source: "test", documents: 1 };
}

/** Runs a test on an open model of every backend. */
function onEachBackend(
  name: string,
  test: (backend: Backend, workshop: Workshop) => Promise<void>,
) {
  for (const { name: by, create } of testBackends()) {
    Deno.test(`${name} (${by})`, async () => {
      await using workshop = await withOutlier();
      using backend = await create();
      await test(backend, workshop);
    });
  }
}

onEachBackend("the channel that is larger than the others is named", async (backend, workshop) => {
  using model = await workshop.open(backend);
  const found = await salientChannels({ model, calibration: calibration(), share: 1 / 32 });
  assert.deepEqual(found.map(({ name }) => name), model.linears.map(({ name }) => name));
  for (const { name, inputs, channels } of found) {
    assert.equal(channels.length, inputs / 32, name);
    if (!/[qkv]_proj/.test(name)) continue;
    assert.equal(channels[0]?.index, LARGE, name);
    assert.ok(channels[0]?.ratio! > 10, name);
  }
});

onEachBackend("a study agrees with what is known beforehand", async (backend, workshop) => {
  using model = await workshop.open(backend);
  const ids = tokens(6 * SEQ_LEN);
  const grid = { bits: 3, groupSize: 16 };
  const measured: number[] = [];
  const study = await studySalience({
    model,
    calibration: calibration(),
    ids,
    seqLen: SEQ_LEN,
    grid,
    shares: [1 / 32, 1],
    factors: [1, 2],
    scaledShare: 1,
    draws: 2,
    onMeasured: ({ perplexity, done }) => measured[done - 1] = perplexity,
  });
  const { perplexity: original } = await perplexity(model, ids, { seqLen: SEQ_LEN });
  assert.equal(study.original, original);
  const quantized = await quantizeInMemory({ model, backend, plugins: [rtn(grid)] });
  using rounded = quantized.model;
  const packed = await perplexity(rounded, ids, { seqLen: SEQ_LEN });
  assert.ok(Math.abs(study.rounded / packed.perplexity - 1) < 1e-4);
  assert.notEqual(study.rounded, study.original);

  assert.equal(measured.length, 11);
  assert.equal(study.kept.length, 6);
  for (const { choice, share, kept, perplexity: found, range } of study.kept) {
    const label = `${choice} ${share}`;
    assert.equal(kept, share, label);
    assert.ok(range[0] <= found && found <= range[1], label);
    if (share === 1) assert.equal(found, original, label); // nothing is left to round
    else assert.ok(found !== original && found !== study.rounded, label);
  }
  // All channels times 2: every step doubles, and each weight is rounded as before.
  assert.deepEqual(study.scaled, [
    { factor: 1, changed: 0, growth: 1, errorRatio: 1, perplexity: study.rounded },
    { factor: 2, changed: 1, growth: 2, errorRatio: 1, perplexity: study.rounded },
  ]);
});

onEachBackend("scaling one channel grows only steps of its groups", async (backend, workshop) => {
  using model = await workshop.open(backend);
  const study = await studySalience({
    model,
    calibration: calibration(),
    ids: tokens(2 * SEQ_LEN),
    seqLen: SEQ_LEN,
    grid: { bits: 3, groupSize: 16 },
    shares: [],
    factors: [1.5, 4],
    scaledShare: 0.001,
  });
  const [some, more] = study.scaled;
  assert.ok(some!.changed > 0 && some!.changed < more!.changed && more!.changed < 0.5);
  assert.ok(1 < some!.growth && some!.growth < more!.growth && more!.growth < 4);
  assert.equal(more!.errorRatio, more!.growth / 4);
});

Deno.test("a quantized model and a group size that does not fit are refused", async () => {
  await using workshop = await withOutlier();
  using backend = await testBackends()[0]!.create();
  using model = await workshop.open(backend);
  const options = { calibration: calibration(), ids: tokens(64), seqLen: SEQ_LEN };
  const quantized = await quantizeInMemory({ model, backend, plugins: [rtn({ groupSize: 16 })] });
  using rounded = quantized.model;
  await assert.rejects(
    studySalience({ ...options, model: rounded, grid: { groupSize: 16 } }),
    /is quantized \(memory\): give the original model/,
  );
  await assert.rejects(
    studySalience({ ...options, model, grid: { groupSize: 24 } }),
    /Group size 24 does not divide the 32 inputs of .*: use/,
  );
});

Deno.test("an aborted study ends", async () => {
  await using workshop = await withOutlier();
  using backend = await testBackends()[0]!.create();
  using model = await workshop.open(backend);
  const controller = new AbortController();
  await assert.rejects(studySalience({
    ...{ model, calibration: calibration(), ids: tokens(64), seqLen: SEQ_LEN },
    grid: { groupSize: 16 },
    signal: controller.signal,
    onMeasured: () => controller.abort(),
  }));
});
