import assert from "node:assert/strict";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { readGguf } from "../../../core/gguf/read_gguf.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import { logitsOf, relativeDifference, tinyCalibration } from "../pipeline/pipeline_fixtures.ts";
import { GGUF_FAMILIES, GGUF_IDS, writeGgufModel } from "./gguf_family_cases.ts";

const { create } = testBackends().at(-1)!;
const ids = Int32Array.from(GGUF_IDS);

for (const [name, config] of Object.entries(GGUF_FAMILIES)) {
  Deno.test(`a GGUF file of ${name} is read as the same model`, async () => {
    await using folder = await temporaryDirectory();
    const directory = `${folder.path}/model`;
    await Deno.mkdir(directory);
    await writeGgufModel(directory, config);
    using backend = await create();
    using original = await openModel(directory, backend);
    const expected = await logitsOf(original, ids);
    const plain = `${folder.path}/plain.gguf`;
    await convertModel({ model: original, backend, format: "gguf", out: plain });
    using written = await openModel(plain, backend);
    for (const { name: tensor, shape } of original.checkpoint.entries.values()) {
      using before = original.checkpoint.tensor(tensor);
      using after = written.checkpoint.tensor(tensor.replace("language_model.", ""));
      assert.deepEqual(after.shape, shape, tensor);
      const [a, b] = [backend.download(before), backend.download(after)];
      assert.ok(relativeDifference(b, a) < 1e-6, tensor);
    }
    assert.ok(relativeDifference(await logitsOf(written, ids), expected) < 1e-5, "plain");

    // Integers in blocks, in the file's order, stand for what other formats store.
    const [blocks, other] = [`${folder.path}/blocks.gguf`, `${folder.path}/dequantized`];
    const plugins = [rtn({ bits: 4, groupSize: 32, symmetric: true })];
    await quantize({ model: original, backend, plugins, format: "gguf", out: blocks });
    await quantize({ model: original, backend, plugins, format: "dequantized", out: other });
    using a = await openModel(blocks, backend);
    using b = await openModel(other, backend);
    const difference = relativeDifference(await logitsOf(a, ids), await logitsOf(b, ids));
    assert.ok(difference < 5e-4, `blocks: ${difference}`);
    const { metadata } = await readGguf(blocks);
    const repeated = `${folder.path}/again.gguf`;
    await convertModel({ model: a, backend, format: "gguf", out: repeated });
    assert.deepEqual(
      [...(await readGguf(repeated)).metadata].filter(([key]) => key !== "general.name"),
      [...metadata].filter(([key]) => key !== "general.name"),
    );
  });
}

/** Shapes outermost first, as everywhere here. */
const TENSORS: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  mixtral: {
    "blk.1.ffn_gate_inp.weight": [6, 128],
    "blk.1.ffn_gate_exps.weight": [6, 192, 128],
    "blk.1.ffn_down_exps.weight": [6, 128, 192],
  },
  qwen2_moe: {
    "blk.0.ffn_gate_inp_shexp.weight": [128],
    "blk.0.ffn_up_shexp.weight": [96, 128],
    "blk.0.ffn_up_exps.weight": [6, 64, 128],
  },
  gemma2: {
    "blk.2.post_attention_norm.weight": [128],
    "blk.2.post_ffw_norm.weight": [128],
    "blk.2.ffn_norm.weight": [128],
  },
  phi3: { "blk.0.attn_qkv.weight": [384, 128], "blk.0.ffn_up.weight": [384, 128] },
  phi: { "output.bias": [96], "blk.0.attn_norm.bias": [128], "blk.0.attn_output.bias": [128] },
  gpt2: { "position_embd.weight": [512, 128], "blk.0.ffn_up.weight": [512, 128] },
  "falcon 40b": { "blk.0.attn_norm_2.weight": [128], "blk.0.attn_norm.bias": [128] },
  deepseek_v2: { "blk.0.attn_kv_a_mqa.weight": [96, 128], "blk.3.ffn_up_shexp.weight": [128, 128] },
};
const METADATA: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  gemma2: {
    "gemma2.attention.sliding_window": 16,
    "gemma2.attn_logit_softcapping": 50,
    "gemma2.final_logit_softcapping": 30,
    "gemma2.context_length": 512,
  },
  gemma3: { "gemma3.rope.freq_base_swa": 20000, "gemma3.rope.scaling.factor": 8 },
  granite: { "granite.embedding_scale": 6, "granite.logit_scale": 2 },
  cohere: { "command-r.logit_scale": 0.5 },
  gpt_neox: { "gptneox.rope.dimension_count": 8, "gptneox.use_parallel_residual": true },
  qwen3_moe: { "qwen3moe.expert_count": 6, "qwen3moe.expert_feed_forward_length": 64 },
  deepseek_v2: {
    "deepseek2.leading_dense_block_count": 1,
    "deepseek2.attention.kv_lora_rank": 64,
    "deepseek2.expert_weights_scale": 1.5,
  },
};

for (const name of new Set([...Object.keys(TENSORS), ...Object.keys(METADATA)])) {
  Deno.test(`tensors and metadata of ${name} have llama.cpp's names`, async () => {
    await using folder = await temporaryDirectory();
    const [model, out] = [`${folder.path}/model`, `${folder.path}/m.gguf`];
    await Deno.mkdir(model);
    await writeGgufModel(model, GGUF_FAMILIES[name]!);
    using backend = await create();
    await convertModel({ model, backend, format: "gguf", out });
    const { metadata, tensors } = await readGguf(out);
    for (const [key, value] of Object.entries(METADATA[name] ?? {})) {
      assert.equal(metadata.get(key), value, key);
    }
    for (const [key, shape] of Object.entries(TENSORS[name] ?? {})) {
      assert.deepEqual(tensors.get(key)?.shape, shape, key);
    }
  });
}

Deno.test("gguf refuses what llama.cpp computes otherwise, before any work", async () => {
  await using folder = await temporaryDirectory();
  using backend = await create();
  const model = `${folder.path}/model`;
  await Deno.mkdir(model);
  async function refuse(name: string, change: object, text: RegExp): Promise<void> {
    await writeGgufModel(model, GGUF_FAMILIES[name]!);
    const config = { ...GGUF_FAMILIES[name], ...change };
    await Deno.writeTextFile(`${model}/config.json`, JSON.stringify(config));
    const out = `${folder.path}/m.gguf`;
    await refused(() => convertModel({ model, backend, format: "gguf", out }), text);
    await assert.rejects(Deno.stat(out));
  }
  await refuse(
    "gemma2",
    { query_pre_attn_scalar: 24 },
    /multiplies the scores of gemma2 by 0\.125/,
  );
  await refuse("gemma2", { attn_logit_softcapping: null }, /only with a cap on the scores/);
  await refuse("gemma2", { sliding_window_pattern: 3 }, /every 2th block of gemma2 see all tokens/);
  await refuse("gpt_neox", { hidden_act: "relu" }, /with gelu_tanh or gelu, not with relu/);
  await refuse("qwen3_moe", { norm_topk_prob: false }, /add up to 1, unlike this model/);
  await refuse(
    "smollm3",
    { no_rope_layer_interval: 3 },
    /turns all blocks of smollm3 but every 4th/,
  );
  await refuse("stablelm", { tie_word_embeddings: true }, /only with a head of its own/);
  await refuse("phi3", { rope_scaling: { rope_type: "dynamic", factor: 2 } }, /scaling dynamic/);
});

Deno.test("gguf stores the experts of a block in blocks of one type", async () => {
  await using folder = await temporaryDirectory();
  using backend = await create();
  const [model, out] = [`${folder.path}/model`, `${folder.path}/m.gguf`];
  await Deno.mkdir(model);
  await writeGgufModel(model, GGUF_FAMILIES["mixtral"]!);
  const plugins = [rtn({ bits: 4, groupSize: 32, symmetric: true })];
  const run = { model, backend, plugins, format: "gguf", out, skip: ["experts.1.w1"] };
  await refused(() => quantize(run), /experts\.1\.w1 is plain and .*experts\.0\.w1 is Q4_0/);
  const rules = [{ match: "*.experts.2.w3", bits: 8 }];
  await refused(
    () => quantize({ ...run, skip: [], rules }),
    /experts\.2\.w3 is Q8_0 and .*experts\.0\.w3 is Q4_0/,
  );
  await assert.rejects(Deno.stat(out));
  // 3 and 4 bits lie in the same blocks.
  await quantize({ ...run, skip: [], rules: [{ match: "*.experts.2.w3", bits: 3 }] });
  await Deno.remove(out);
  const calibration = tinyCalibration(2, 16, 96);
  const targetBits = { bits: 6, choices: [4, 8] };
  await quantize({ ...run, skip: [], calibration, targetBits });
  const { tensors } = await readGguf(out);
  const types = new Set([...tensors.values()].map(({ type }) => type));
  assert.deepEqual([...types].sort(), ["F32", "Q4_0", "Q8_0"]);
});
