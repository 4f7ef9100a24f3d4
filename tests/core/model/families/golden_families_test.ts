import assert from "node:assert/strict";
import type { Backend } from "../../../../core/backend.ts";
import { KvCache } from "../../../../core/model/kv_cache.ts";
import type { Model } from "../../../../core/model/model.ts";
import { openModel } from "../../../../core/model/open_model.ts";
import { BlockEditor } from "../../../../core/pipeline/block_editor.ts";
import { quantize } from "../../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../../core/pipeline/quantize_in_memory.ts";
import { seededRandom } from "../../../../core/random.ts";
import { awq } from "../../../../plugins/awq/mod.ts";
import { rtn } from "../../../../plugins/rtn/mod.ts";
import { testBackends } from "../../../test_backends.ts";
import { logitsOf, relativeDifference, tinyCalibration } from "../../pipeline/pipeline_fixtures.ts";
import { type FamilyCase, familyCases, writeFamilyModel } from "./family_cases.ts";

/** Opens the model of a case, uses it and looks whether every tensor was freed. */
async function withModel(
  each: FamilyCase,
  create: () => Backend | Promise<Backend>,
  use: (model: Model, folder: string) => Promise<void>,
  dtype: "F32" | "F16" | "BF16" = "F32",
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/model`);
    await writeFamilyModel(`${folder}/model`, each, dtype);
    using backend = await create();
    {
      using model = await openModel(`${folder}/model`, backend);
      await use(model, folder);
    }
    assert.equal(backend.allocatedBytes(), 0, "every tensor is freed");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Logits of the last rows, the text given in pieces that a cache joins. */
async function cachedLogits(model: Model, pieces: readonly Int32Array[]): Promise<Float32Array> {
  const ops = model.backend;
  const { kvHeads, headDim, blocks } = model.config;
  using stack = new DisposableStack();
  const caches = Array.from({ length: blocks }, () => {
    return stack.use(new KvCache(ops, 64, kvHeads * headDim));
  });
  const rows: number[] = [];
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let start = 0;
  for (const piece of pieces) {
    let hidden = await model.embed(piece, { start });
    for (const [i, cache] of caches.entries()) {
      using block = await model.loadBlock(i);
      using input = hidden;
      hidden = await block.run(input, { sequences: 1, cache, length });
    }
    using input = hidden;
    using logits = await model.logits(input);
    for (const value of ops.download(logits)) rows.push(value);
    start += piece.length;
  }
  return Float32Array.from(rows);
}

/** Logits with seeded factors from 2^-2 to 2^2 folded into every set of every block; the number of sets. */
async function foldedLogits(
  model: Model,
  ids: Int32Array,
): Promise<{ logits: Float32Array; sets: number }> {
  const random = seededRandom("fold");
  let hidden = await model.embed(ids);
  let sets = 0;
  for (let index = 0; index < model.config.blocks; index++) {
    using block = await model.loadBlock(index);
    using editor = new BlockEditor(block, {
      ops: model.backend,
      model,
      statistics: new Map(),
      isQuantizable: (name) =>
        model.linears.some((linear) => linear.name === name && !linear.plain),
    });
    for (const set of editor.view.scaleSets) {
      sets++;
      const free = Float32Array.from({ length: set.freeChannels }, () => 2 ** (4 * random() - 2));
      await editor.view.foldScales(set, Float32Array.from(set.channelOf, (k) => free[k] ?? 1));
    }
    using input = hidden;
    hidden = await editor.current().run(input, { sequences: 1 });
  }
  using last = hidden;
  using logits = await model.logits(last);
  return { logits: model.backend.download(logits), sets };
}

for (const { name: backendName, create } of testBackends()) {
  for (const each of familyCases()) {
    Deno.test(`${each.name} runs as transformers runs it (${backendName})`, async () => {
      await withModel(each, create, async (model) => {
        const vocabulary = model.config.vocabSize;
        const logits = await logitsOf(model, each.ids);
        for (const [i, row] of each.rows.entries()) {
          const actual = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
          const error = relativeDifference(actual, Float32Array.from(each.logits[i] ?? []));
          assert.ok(error < 1e-4, `row ${row}: relative error ${error}`);
        }
        const { ids } = each;
        const pieces = [ids.subarray(0, 11), ids.subarray(11, 23), ids.subarray(23)];
        assert.ok(relativeDifference(await cachedLogits(model, pieces), logits) < 1e-5, "cached");
      });
    });
  }
}

/**
 * How far rounding has taken logits [rows, vocabulary]. A token whose experts are nearly tied may go to others, and its row is
 * then far off: with experts it is the median over the rows.
 */
function roundingError(model: Model, actual: Float32Array, expected: Float32Array): number {
  if (model.config.experts === undefined) return relativeDifference(actual, expected);
  const { vocabSize } = model.config;
  const errors = Array.from({ length: expected.length / vocabSize }, (_, row) => {
    const [start, end] = [row * vocabSize, (row + 1) * vocabSize];
    return relativeDifference(actual.subarray(start, end), expected.subarray(start, end));
  });
  return errors.sort((a, b) => a - b)[errors.length >> 1] ?? NaN;
}

const { create } = testBackends().at(-1)!;
for (const each of familyCases()) {
  for (const dtype of ["F32", "BF16"] as const) {
    Deno.test(`folding keeps what ${each.name} computes in ${dtype}`, async () => {
      await withModel(each, create, async (model) => {
        const before = await logitsOf(model, each.ids);
        const { logits, sets } = await foldedLogits(model, each.ids);
        assert.ok(sets >= model.config.blocks, `${sets} sets`);
        // A bias next to a norm's weight is rounded; all else is exact.
        const rounded = model.architecture.block(0).norms.some(({ bias }) => bias === true);
        const tolerance = dtype === "BF16" && rounded ? 4e-3 : 2e-5;
        const error = relativeDifference(logits, before);
        assert.ok(error < tolerance, `relative error ${error}`);
      }, dtype);
    });
  }

  Deno.test(`${each.name} is quantized, written and read back`, async () => {
    await withModel(each, create, async (model, folder) => {
      const calibration = tinyCalibration(4, 16, model.config.vocabSize);
      const grid = { bits: 8, groupSize: -1 };
      const plugins = [awq({ ...grid, clip: false })];
      using kept =
        (await quantizeInMemory({ model, backend: model.backend, calibration, plugins })).model;
      const before = await logitsOf(model, each.ids);
      const error = roundingError(model, await logitsOf(kept, each.ids), before);
      assert.ok(error < 0.1, `8 bits are ${error} away`);
      for (const format of ["gptq", "dequantized"]) {
        const out = `${folder}/${format}`;
        const options = { model, backend: model.backend, format, out };
        await quantize({ ...options, plugins: [rtn({ bits: 8, groupSize: -1 })] });
        using written = await openModel(out, model.backend);
        assert.equal(written.quantization?.format, format === "gptq" ? "gptq" : undefined);
        const read = roundingError(model, await logitsOf(written, each.ids), before);
        assert.ok(read < 0.1, `${format}: 8 bits read back are ${read} away`);
      }
    });
  });
}
