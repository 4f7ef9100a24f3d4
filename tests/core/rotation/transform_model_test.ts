import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import type { Architecture } from "../../../core/model/architecture.ts";
import type { Family } from "../../../core/model/family.ts";
import type { NormSpec } from "../../../core/model/layout.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { llama } from "../../../core/model/families/llama.ts";
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
} from "../pipeline/pipeline_fixtures.ts";
import { orthogonalTensor, transforming, turning } from "./rotation_fixtures.ts";

const IDS = tinyCalibration(1, 24).ids;
const MODELS: Readonly<Record<string, JsonObject>> = {
  "grouped-query attention": GROUPED,
  "tied": { ...GROUPED, tie_word_embeddings: true },
  "all biases": BIASED,
  "qwen2": QWEN2,
  "qwen3": QWEN3,
};
const DOWN = "model.layers.1.mlp.down_proj";

/** Rounds one linear and leaves the others. */
function onlyDown(): Plugin {
  const all = nearest();
  return nearest({}, {
    name: "only",
    quantizeLinear: (linear, ctx) =>
      linear.name === DOWN ? all.quantizeLinear!(linear, ctx) : undefined,
  });
}

for (const { name: backendName, create } of testBackends()) {
  for (const [name, config] of Object.entries(MODELS)) {
    Deno.test(`a rotation keeps the logits: ${name} (${backendName})`, async () => {
      using backend = await create();
      for (const [dtype, allowed] of [["F32", 2e-5], ["BF16", 3e-2]] as const) {
        await using workshop = await Workshop.create(config, { dtype });
        using model = await workshop.open(backend);
        const before = await logitsOf(model, IDS);
        const result = await quantizeInMemory({ model, backend, plugins: [turning()] });
        using rotated = result.model;
        const after = await logitsOf(rotated, IDS);
        const difference = relativeDifference(before, after);
        assert.ok(difference < allowed, `${dtype}: ${difference}`);
        assert.ok(difference > 0, "nothing was rotated");
      }
    });
  }
}

Deno.test("what is written computes what stays in memory, untied and with norms of 1", async () => {
  using backend = await testBackends().at(-1)!.create();
  for (const config of [MODELS["tied"]!, BIASED, QWEN3]) {
    for (const dtype of ["F32", "BF16"] as const) {
      await using workshop = await Workshop.create(config, {
        dtype,
        omit: config.tie_word_embeddings === true ? ["lm_head.weight"] : [],
      });
      const plugins = [turning(), onlyDown()];
      const calibration = tinyCalibration();
      const options = { model: workshop.model, backend, plugins, calibration };
      using inMemory = (await quantizeInMemory(options)).model;
      const report = await quantize({ ...options, format: "awq-gemm", out: workshop.out });
      assert.equal(report.method, "turn+only");
      using written = await openModel(workshop.out, backend);
      assert.equal(written.config.tiedEmbeddings, false);
      assert.equal(written.rawConfig.tie_word_embeddings, false);
      const [a, b] = [await logitsOf(inMemory, IDS), await logitsOf(written, IDS)];
      // Rows are rotated in other batches, which moves the last bits.
      const allowed = dtype === "F32" ? 3e-5 : 5e-3;
      assert.ok(relativeDifference(a, b) < allowed, `${dtype}: ${relativeDifference(a, b)}`);
      using original = await openModel(workshop.model, backend);
      assert.ok(relativeDifference(await logitsOf(original, IDS), b) < 0.2);
      for (const [tensor, entry] of written.checkpoint.entries) {
        if (!/(layernorm|model\.norm)\.weight$/.test(tensor)) continue;
        using norm = written.checkpoint.tensor(tensor);
        assert.ok(backend.download(norm).every((value) => value === 1), tensor);
        assert.equal(entry.dtype, dtype);
      }
      assert.equal(
        report.bytesAfter,
        [...written.checkpoint.entries.values()].reduce(
          (sum, { byteLength }) => sum + byteLength,
          0,
        ),
      );
    }
  }
});

Deno.test("rotations of several plugins add up, and folds come after them", async () => {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(BIASED);
  using model = await workshop.open(backend);
  const before = await logitsOf(model, IDS);
  const { quantizeLinear: _, ...folds } = folding({ absMean: true, gram: true });
  const held = backend.allocatedBytes();
  const plugins = [
    turning("one"),
    turning("two"),
    transforming(async (view, ops) => {
      using heads = orthogonalTensor(ops, view.headDim, "only the second block");
      await view.rotateHeads(heads, 1);
    }, "three"),
    folds,
  ];
  const result = await quantizeInMemory({
    model,
    backend,
    plugins,
    calibration: tinyCalibration(),
  });
  const difference = relativeDifference(before, await logitsOf(result.model, IDS));
  assert.ok(difference < 1e-4, String(difference));
  result.model[Symbol.dispose]();
  assert.equal(backend.allocatedBytes(), held, "tensors are left behind");
});

Deno.test("heads alone leave the rest of the model as it is", async () => {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED, { dtype: "BF16" });
  const heads = transforming(async (view, ops) => {
    using matrix = orthogonalTensor(ops, view.headDim, "heads");
    await view.rotateHeads(matrix);
  });
  await quantize({
    model: workshop.model,
    backend,
    plugins: [heads, onlyDown()],
    format: "awq-gemm",
    out: workshop.out,
  });
  using original = await openModel(workshop.model, backend);
  using written = await openModel(workshop.out, backend);
  for (const name of original.checkpoint.entries.keys()) {
    if (name.startsWith(`${DOWN}.`)) continue;
    using a = original.checkpoint.tensor(name);
    using b = written.checkpoint.tensor(name);
    const [x, y] = [backend.downloadBytes(a), backend.downloadBytes(b)];
    assert.equal(x.every((byte, i) => byte === y[i]), !/[vo]_proj/.test(name), name);
  }
});

Deno.test("norms that add 1 to their weight are rotated too", async () => {
  const { describe } = llama;
  const withOffset = (norm: NormSpec): NormSpec => ({ ...norm, offset: 1 });
  Object.assign(llama, {
    describe(...args: Parameters<Family["describe"]>): Architecture {
      const { ends, block, ...rest } = describe(...args);
      return {
        ...rest,
        ends: { ...ends, finalNorm: withOffset(ends.finalNorm!) },
        block(index) {
          const layout = block(index);
          return { ...layout, norms: layout.norms.map(withOffset) };
        },
      };
    },
  });
  try {
    using backend = await testBackends().at(-1)!.create();
    await using workshop = await Workshop.create(GROUPED);
    using model = await workshop.open(backend);
    const before = await logitsOf(model, IDS);
    using rotated = (await quantizeInMemory({ model, backend, plugins: [turning()] })).model;
    assert.ok(relativeDifference(before, await logitsOf(rotated, IDS)) < 2e-5);
  } finally {
    Object.assign(llama, { describe });
  }
});
