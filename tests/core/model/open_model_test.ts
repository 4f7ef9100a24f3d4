import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import {
  TINY_LLAMA,
  type TinyModelOptions,
  tinyParameter,
  writeTinyModel,
} from "../../tiny_model.ts";

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Writes a tiny model by `written`, then puts `config` beside it, and expects it to be refused. */
function assertRefused(
  written: JsonObject,
  config: JsonObject,
  message: RegExp,
  options: TinyModelOptions = {},
): Promise<void> {
  return inDirectory(async (directory) => {
    await writeTinyModel(directory, written, options);
    await Deno.writeTextFile(`${directory}/config.json`, JSON.stringify(config));
    using backend = createReferenceBackend();
    await assert.rejects(openModel(directory, backend), { code: "input", message });
    assert.equal(backend.allocatedBytes(), 0);
  });
}

Deno.test("openModel() lists every linear with shape, role, site and type", async () => {
  await inDirectory(async (directory) => {
    await writeTinyModel(directory, TINY_LLAMA, { dtype: "BF16" });
    using backend = createReferenceBackend();
    using model = await openModel(directory, backend);
    assert.equal(model.family.name, "llama");
    assert.equal(model.quantization, undefined);
    assert.equal(model.linears.length, 14);
    assert.deepEqual(model.linears[8], {
      name: "model.layers.1.self_attn.k_proj",
      block: 1,
      role: "k",
      shape: [16, 32],
      dtype: "BF16",
      site: "attention",
    });
    await assert.rejects(model.loadBlock(2), { message: /^Block 2 is not among the 2/ });
    await assert.rejects(model.embed(Int32Array.of(3, 64)), {
      code: "input",
      message: /^Token 64 is outside the 64 rows/,
    });
  });
});

Deno.test("openModel() unites the end tokens of both configuration files", async () => {
  await inDirectory(async (directory) => {
    await writeTinyModel(directory, TINY_LLAMA);
    const file = `${directory}/generation_config.json`;
    await Deno.writeTextFile(file, JSON.stringify({ eos_token_id: [7, 2] }));
    using backend = createReferenceBackend();
    {
      using model = await openModel(directory, backend);
      assert.deepEqual(model.config.eosIds, [2, 7]);
    }
    await Deno.writeTextFile(file, JSON.stringify({ eos_token_id: "</s>" }));
    await assert.rejects(openModel(directory, backend), {
      message: /^eos_token_id in generation_config.json must be a whole number/,
    });
  });
});

Deno.test("openModel() refuses a checkpoint without a tensor that the model needs", async () => {
  const names = [
    "model.embed_tokens.weight",
    "model.norm.weight",
    "lm_head.weight",
    "model.layers.1.mlp.up_proj.weight",
    "model.layers.0.input_layernorm.weight",
    "model.layers.0.self_attn.v_proj.bias",
  ];
  const biased = { ...TINY_LLAMA, attention_bias: true };
  for (const name of names) {
    await assertRefused(biased, biased, new RegExp(`has no tensor ${name}`), { omit: [name] });
  }
});

Deno.test("openModel() refuses shapes that config.json does not give", async () => {
  const wider = { ...TINY_LLAMA, intermediate_size: 96 };
  const message =
    /mlp.gate_proj.weight in .* is \[64, 32\], but its config.json makes it \[96, 32\]/;
  await assertRefused(TINY_LLAMA, wider, message);
  const larger = { ...TINY_LLAMA, vocab_size: 65 };
  await assertRefused(TINY_LLAMA, larger, /^Tensor model.embed_tokens.weight in .* is \[64, 32\]/);
  const more = { ...TINY_LLAMA, num_hidden_layers: 3 };
  await assertRefused(TINY_LLAMA, more, /has no tensor model.layers.2/);
});

Deno.test("openModel() refuses a quantization that it does not know", async () => {
  const config = { ...TINY_LLAMA, quantization_config: { quant_method: "hqq" } };
  await assertRefused(TINY_LLAMA, config, /quantized with HQQ, which/);
});

Deno.test("openModel() reads every type of weight alike", async () => {
  const results: number[] = [];
  for (const dtype of ["F32", "F64", "F16", "BF16"] as const) {
    await inDirectory(async (directory) => {
      await writeTinyModel(directory, TINY_LLAMA, { dtype });
      using backend = createReferenceBackend();
      using model = await openModel(directory, backend);
      using hidden = await model.embed(Int32Array.of(5, 6, 7));
      using block = await model.loadBlock(0);
      using output = await block.run(hidden, { sequences: 1 });
      results.push(backend.download(output)[70]!);
    });
  }
  const [f32, f64, f16, bf16] = results as [number, number, number, number];
  assert.equal(f64, f32);
  assert.ok(f16 !== f32 && Math.abs(f16 - f32) < 5e-3 * Math.abs(f32), `${f16} ${f32}`);
  assert.ok(bf16 !== f32 && Math.abs(bf16 - f32) < 5e-2 * Math.abs(f32), `${bf16} ${f32}`);
});

Deno.test("openModel() takes tied embeddings from under the head's name", async () => {
  await inDirectory(async (directory) => {
    await writeTinyModel(directory, TINY_LLAMA, { omit: ["model.embed_tokens.weight"] });
    const config = JSON.stringify({ ...TINY_LLAMA, tie_word_embeddings: true });
    await Deno.writeTextFile(`${directory}/config.json`, config);
    using backend = createReferenceBackend();
    using model = await openModel(directory, backend);
    using hidden = await model.embed(Int32Array.of(63));
    const expected = tinyParameter("lm_head.weight", [64, 32]).subarray(63 * 32);
    assert.deepEqual(backend.download(hidden), expected);
  });
});
