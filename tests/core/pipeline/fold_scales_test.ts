import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { BlockEditor } from "../../../core/pipeline/block_editor.ts";
import { NO_OBSERVATION } from "../../../core/pipeline/observation.ts";
import { SiteStatistics } from "../../../core/pipeline/statistics.ts";
import type { Model } from "../../../core/model/model.ts";
import { seededRandom } from "../../../core/random.ts";
import { testBackends } from "../../test_backends.ts";
import {
  BIASED,
  GROUPED,
  QWEN2,
  QWEN3,
  relativeDifference,
  tinyCalibration,
  Workshop,
} from "./pipeline_fixtures.ts";

const IDS = tinyCalibration(1, 24).ids;
const MODELS: Readonly<Record<string, JsonObject>> = {
  "grouped-query attention": GROUPED,
  "all biases": BIASED,
  "qwen2": QWEN2,
  "qwen3": QWEN3,
};

/** Seeded factors from 2^-3 to 2^3, equal where they must be. */
function seededFactors(channelOf: Uint32Array, free: number, seed: string): Float32Array {
  const random = seededRandom(seed);
  const factors = Float32Array.from({ length: free }, () => 2 ** (6 * random() - 3));
  return Float32Array.from(channelOf, (channel) => factors[channel] ?? 1);
}

/** Logits with `fold` applied to every block. */
async function foldedLogits(
  model: Model,
  fold: (editor: BlockEditor) => Promise<void>,
): Promise<Float32Array> {
  let hidden = await model.embed(IDS);
  for (let index = 0; index < model.config.blocks; index++) {
    using block = await model.loadBlock(index);
    using editor = new BlockEditor(block, {
      ops: model.backend,
      model,
      statistics: new Map(),
      isQuantizable: () => true,
    });
    await fold(editor);
    using input = hidden;
    hidden = await editor.current().run(input, { sequences: 1 });
  }
  using last = hidden;
  using logits = await model.logits(last);
  return model.backend.download(logits);
}

for (const { name: backendName, create } of testBackends()) {
  for (const [name, config] of Object.entries(MODELS)) {
    for (const dtype of ["F32", "BF16", "F16"] as const) {
      Deno.test(`foldScales keeps the logits: ${name}, ${dtype} (${backendName})`, async () => {
        using backend = await create();
        await using workshop = await Workshop.create(config, { dtype });
        using model = await workshop.open(backend);
        const before = await foldedLogits(model, () => Promise.resolve());
        const sets = new Set<string>();
        await foldedLogits(model, (editor) => {
          for (const { name } of editor.view.scaleSets) sets.add(name);
          return Promise.resolve();
        });
        assert.deepEqual([...sets], [
          "input_layernorm -> q_proj, k_proj, v_proj",
          "v_proj -> o_proj",
          "post_attention_layernorm -> gate_proj, up_proj",
          "up_proj -> down_proj",
        ]);
        for (const only of [...sets, undefined]) {
          let folds = 0;
          const after = await foldedLogits(model, async (editor) => {
            for (const set of editor.view.scaleSets) {
              if (only !== undefined && set.name !== only) continue;
              const seed = `${set.name} ${editor.view.index}`;
              await editor.view.foldScales(
                set,
                seededFactors(set.channelOf, set.freeChannels, seed),
              );
              folds++;
            }
          });
          assert.ok(folds >= 2);
          const difference = relativeDifference(before, after);
          assert.ok(difference < 1e-4, `${only ?? "all sets"}: ${difference}`);
          assert.ok(difference > 0, "the folds have done nothing");
        }
      });
    }
  }
}

Deno.test("foldScales ties the inputs of o_proj that come from one row of v_proj", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  using model = await workshop.open(backend);
  using block = await model.loadBlock(0);
  const options = { ops: backend, model, statistics: new Map(), isQuantizable: () => true };
  using editor = new BlockEditor(block, options);
  const set = editor.view.scaleSets.find(({ name }) => name === "v_proj -> o_proj");
  assert.ok(set !== undefined);
  // 4 heads of 8 channels, 2 of them to each of the 2 value heads.
  assert.deepEqual([set.channels, set.freeChannels], [32, 16]);
  assert.deepEqual([...set.channelOf.subarray(0, 18)], [
    ...[0, 1, 2, 3, 4, 5, 6, 7],
    ...[0, 1, 2, 3, 4, 5, 6, 7],
    ...[8, 9],
  ]);
  const factors = new Float32Array(32).fill(1);
  factors[3] = 2;
  await assert.rejects(editor.view.foldScales(set, factors), /differ for channels that are tied/);
  factors[11] = 2;
  await editor.view.foldScales(set, factors);
  assert.equal(editor.folds, 1);
});

Deno.test("foldScales refuses factors that would break the block", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  using model = await workshop.open(backend);
  using block = await model.loadBlock(0);
  const options = { ops: backend, model, statistics: new Map(), isQuantizable: () => true };
  using editor = new BlockEditor(block, options);
  const [set] = editor.view.scaleSets;
  assert.ok(set !== undefined);
  const refuse = async (factors: Float32Array, text: RegExp): Promise<void> => {
    await assert.rejects(editor.view.foldScales(set, factors), { code: "plugin", message: text });
  };
  await refuse(new Float32Array(31).fill(1), /are 31 where 32 are wanted/);
  for (const wrong of [0, -1, NaN, Infinity]) {
    await refuse(new Float32Array(32).fill(1).fill(wrong, 4, 5), /for channel 4: they must be/);
  }
  await refuse(new Array(32).fill(1) as unknown as Float32Array, /no Float32Array/);
  const copy = { ...set };
  await assert.rejects(
    editor.view.foldScales(copy, new Float32Array(32).fill(1)),
    /use one of block.scaleSets/,
  );
  assert.throws(() => editor.view.linear("model.layers.0.mlp.q_proj"), /has no linear/);
  await assert.rejects(
    editor.view.runModule(editor.view.scaleSets[1]!, set as never, 1),
    /has no module to run/,
  );
  assert.equal(editor.folds, 0);
});

Deno.test("foldScales leaves out a channel whose norm is 0, or would be", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED, {
    dtype: "F16",
    edit(name, values) {
      if (!name.endsWith("input_layernorm.weight")) return;
      values[0] = 0;
      values[1] = 60000;
      values[2] = 6e-8;
    },
  });
  using model = await workshop.open(backend);
  using block = await model.loadBlock(0);
  const options = { ops: backend, model, statistics: new Map(), isQuantizable: () => true };
  using editor = new BlockEditor(block, options);
  const [set] = editor.view.scaleSets;
  assert.ok(set !== undefined);
  const factors = new Float32Array(32).fill(1);
  factors.set([4, 0.25, 1000, 3]); // 0 stays 0, 60000 overflows, 6e-8 vanishes
  const norm = backend.download(block.norms.get("attention")!.weight);
  using x = await model.embed(IDS);
  using before = await block.run(x, { sequences: 1 });
  await editor.view.foldScales(set, factors);
  using after = await editor.current().run(x, { sequences: 1 });
  const folded = backend.download(editor.norms.get("attention")!.weight);
  assert.deepEqual([...folded.subarray(0, 3)], [...norm.subarray(0, 3)]);
  assert.ok(Math.abs((norm[3] ?? 0) / (folded[3] ?? 0) - 3) < 0.01);
  assert.ok(relativeDifference(backend.download(before), backend.download(after)) < 1e-4);
});

Deno.test("foldScales makes the statistics follow, for the linears of the set alone", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED, { dtype: "BF16" });
  using model = await workshop.open(backend);
  using block = await model.loadBlock(0);
  const windows = { samples: 1, seqLen: IDS.length };
  const asked = { ...NO_OBSERVATION, absMean: true, gram: true };
  using stack = new DisposableStack();
  async function observe(run: typeof block, site: Map<string, SiteStatistics>): Promise<void> {
    using x = await model.embed(IDS);
    using _ = await run.run(x, {
      sequences: 1,
      async observe(name, input) {
        const made = new SiteStatistics(backend, input.shape[1] ?? 0, asked, windows);
        site.set(name, stack.use(made));
        await made.add(input);
      },
    });
  }
  const statistics = new Map<string, SiteStatistics>();
  await observe(block, statistics);
  const options = { ops: backend, model, statistics, isQuantizable: () => true };
  using editor = new BlockEditor(block, options);
  for (const set of editor.view.scaleSets) {
    const factors = seededFactors(set.channelOf, set.freeChannels, set.name);
    await editor.view.foldScales(set, factors);
  }
  const again = new Map<string, SiteStatistics>();
  await observe(editor.current(), again);
  assert.equal(again.size, 4);
  for (const linear of editor.view.linears) {
    const fresh = again.get(linear.site)!.view;
    const { absMean, gram } = linear.statistics;
    assert.ok(relativeDifference(fresh.absMean!, absMean!) < 1e-4);
    assert.ok(relativeDifference(backend.download(fresh.gram!), backend.download(gram!)) < 1e-4);
    assert.equal(linear.moment?.kind, "gram");
  }
});

Deno.test("a linear that stays plain takes its scale sets out", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  await using workshop = await Workshop.create(GROUPED);
  using model = await workshop.open(backend);
  using block = await model.loadBlock(1);
  const isQuantizable = (name: string): boolean => !name.endsWith("up_proj");
  using editor = new BlockEditor(block, {
    ops: backend,
    model,
    statistics: new Map(),
    isQuantizable,
  });
  assert.deepEqual(editor.view.scaleSets.map(({ name }) => name), [
    "input_layernorm -> q_proj, k_proj, v_proj",
    "v_proj -> o_proj",
  ]);
  assert.equal(editor.view.linears.length, 6);
});
