import assert from "node:assert/strict";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { readGguf } from "../../../core/gguf/read_gguf.ts";
import type { Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import golden from "../../golden/tiny_logits.json" with { type: "json" };
import { testBackends } from "../../test_backends.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const MODEL = "models/salient-tiny";
const ids = Int32Array.from(golden.salientTiny.ids.split(" ").map(Number));
const options = { seqLen: golden.salientTiny.seqLen };
const fastest = testBackends().at(-1)!;

// The blocks are exact (but for the minimum of Q4_1); products with packed integers are rounded otherwise than those
// with the fp32 values that the blocks are read as.
const CASES = [
  { grid: { bits: 4, groupSize: 32 }, type: "Q4_1", error: 5e-4 },
  { grid: { bits: 4, groupSize: 128, symmetric: true }, type: "Q4_0", error: 5e-5 },
  { grid: { bits: 3, groupSize: 64, symmetric: true }, type: "Q4_0", error: 5e-5 },
  { grid: { bits: 8, groupSize: 32, symmetric: true }, type: "Q8_0", error: 5e-5 },
  { grid: { bits: 6, groupSize: 128 }, type: "Q8_0", error: 5e-5 },
] as const;

for (const { grid, type, error } of CASES) {
  const shown = `${grid.bits} bits in groups of ${grid.groupSize}`;
  Deno.test(`gguf, ${shown}: ${type}, and it measures what it did in memory`, async () => {
    await using folder = await temporaryDirectory();
    using backend = await fastest.create();
    using model = await openModel(MODEL, backend);
    const run = { model, backend, plugins: [rtn(grid)] };
    using kept = (await quantizeInMemory(run)).model;
    const expected = await perplexity(kept, ids, options);
    const out = `${folder.path}/m.gguf`;
    await quantize({ ...run, format: "gguf", out });
    const { tensors } = await readGguf(out);
    assert.equal(tensors.get("blk.3.ffn_down.weight")?.type, type);
    assert.equal(tensors.get("token_embd.weight")?.type, "BF16");
    assert.equal(tensors.get("output_norm.weight")?.type, "F32");
    using written = await openModel(out, backend);
    const { perplexity: found } = await perplexity(written, ids, options);
    assert.ok(
      Math.abs(found / expected.perplexity - 1) < error,
      `${found}, ${expected.perplexity}`,
    );
  });
}

const QWEN = {
  ...TINY_LLAMA,
  head_dim: 16,
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
};
const BIASED = { ...TINY_LLAMA, attention_bias: true, mlp_bias: true };
const STRETCHED = {
  ...TINY_LLAMA,
  rope_scaling: {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
};
const LINEAR = { ...TINY_LLAMA, rope_scaling: { rope_type: "linear", factor: 2 } };

for (
  const [what, config] of Object.entries({ plain: TINY_LLAMA, QWEN, BIASED, STRETCHED, LINEAR })
) {
  for (const dtype of ["F32", "F16"] as const) {
    Deno.test(`a GGUF file of the tiny model ${what}, ${dtype}, is read as the same model`, async () => {
      await using folder = await temporaryDirectory();
      await writeTinyModel(folder.path, config, { dtype });
      using backend = createReferenceBackend();
      const out = `${folder.path}/m.gguf`;
      const plugins = [rtn({ bits: 8, groupSize: 32, symmetric: true })];
      using original = await openModel(folder.path, backend);
      // Some linears stay plain, so that rows of q in a plain tensor are turned too.
      await quantize({
        model: original,
        backend,
        plugins,
        format: "gguf",
        out,
        skip: ["q_proj", "up"],
      });
      using written = await openModel(out, backend);
      const { rope, heads, kvHeads, headDim } = written.config;
      const { config: before } = original;
      assert.deepEqual([heads, kvHeads, headDim], [before.heads, before.kvHeads, before.headDim]);
      assert.deepEqual(rope, before.rope);
      const biased = (model: Model): string[] => {
        return model.architecture.block(0).linears.flatMap(({ key, bias }) => bias ? [key] : []);
      };
      assert.deepEqual(biased(written), biased(original));
      for (const { name, dtype: type, shape } of original.checkpoint.entries.values()) {
        using expected = original.checkpoint.tensor(name);
        using found = written.checkpoint.tensor(name);
        assert.deepEqual(found.shape, shape, name);
        const [a, b] = [backend.download(expected), backend.download(found)];
        const quantized = /[kvo]_proj.weight|(gate|down)_proj.weight/.test(name);
        const most = quantized ? Math.max(...a.map(Math.abs)) / 127 : 0;
        a.forEach((value, i) => assert.ok(Math.abs(value - b[i]!) <= most, `${name} ${i}`));
        if (!quantized && shape.length === 2) assert.equal(found.dtype, type);
      }
    });
  }
}

Deno.test("gguf refuses what it cannot say, before any work", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  async function refuse(
    config: typeof TINY_LLAMA,
    grid: Parameters<typeof rtn>[0],
    text: RegExp,
    name = "m.gguf",
  ): Promise<void> {
    await writeTinyModel(folder.path, config);
    const out = `${folder.path}/${name}`;
    const run = { model: folder.path, backend, plugins: [rtn(grid)], format: "gguf", out };
    await refused(() => quantize(run), text);
    await assert.rejects(Deno.stat(out));
  }
  const usual = { bits: 4, groupSize: 32 };
  await refuse(
    TINY_LLAMA,
    { bits: 4, groupSize: 16 },
    /blocks of 32 inputs.* groups of 16 of model\.layers/,
  );
  await refuse(TINY_LLAMA, { bits: 8, groupSize: 32 }, /holds 8 bits only on a symmetric grid/);
  await refuse(TINY_LLAMA, usual, /is no name for a GGUF file/, "m.bin");
  const dynamic = { ...TINY_LLAMA, rope_scaling: { rope_type: "dynamic", factor: 2 } };
  await refuse(dynamic, usual, /cannot say rope scaling dynamic/);
  await refuse({ ...QWEN, attention_bias: true }, usual, /no place for the bias of q in qwen3/);
});

Deno.test("a whole row of 256 inputs and more fits Q4_K exactly", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, { ...TINY_LLAMA, hidden_size: 256, intermediate_size: 512 });
  using backend = await fastest.create();
  using model = await openModel(folder.path, backend);
  const run = { model, backend, plugins: [rtn({ bits: 4, groupSize: -1 })] };
  using kept = (await quantizeInMemory(run)).model;
  const out = `${folder.path}/m.gguf`;
  await quantize({ ...run, format: "gguf", out });
  const { tensors } = await readGguf(out);
  assert.equal(tensors.get("blk.1.attn_q.weight")?.type, "Q4_K");
  using written = await openModel(out, backend);
  const text = Int32Array.from({ length: 64 }, (_, i) => (i * 7) % 64);
  const [a, b] = [
    await perplexity(kept, text, { seqLen: 32 }),
    await perplexity(written, text, { seqLen: 32 }),
  ];
  assert.ok(Math.abs(a.perplexity / b.perplexity - 1) < 5e-5, `${a.perplexity} ${b.perplexity}`);
});
