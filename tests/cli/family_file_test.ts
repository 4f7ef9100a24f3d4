import assert from "node:assert/strict";
import type { JsonObject } from "../../core/checkpoint/types.ts";
import { openCheckpoint } from "../../core/checkpoint/open_checkpoint.ts";
import { createReferenceBackend } from "../../ffi/reference/reference_backend.ts";
import { writeTinyModel } from "../tiny_model.ts";
import { runSalient } from "./run_salient.ts";

const MODEL = "models/salient-tiny";

/** The file of docs/families.md. */
async function documentedFile(): Promise<string> {
  const page = await Deno.readTextFile("docs/families.md");
  const [, json] = /```json\n(\{\s*"name": "internlm2"[^`]*)```/.exec(page) ?? [];
  return json ?? assert.fail("docs/families.md has no description of InternLM2");
}

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/embed_tokens/, "tok_embeddings"],
  [/self_attn\.o_proj/, "attention.wo"],
  [/mlp\.gate_proj/, "feed_forward.w1"],
  [/mlp\.up_proj/, "feed_forward.w3"],
  [/mlp\.down_proj/, "feed_forward.w2"],
  [/input_layernorm/, "attention_norm"],
  [/post_attention_layernorm/, "ffn_norm"],
];

/** Writes salient-tiny as InternLM2 names and joins its tensors. */
async function writeInternlm2(directory: string): Promise<void> {
  using backend = createReferenceBackend();
  using checkpoint = await openCheckpoint(MODEL, backend);
  const [heads, kvHeads, headDim, hidden] = [4, 2, 32, 128];
  const values = (name: string): Float32Array => {
    using tensor = checkpoint.tensor(name);
    return backend.download(tensor);
  };
  const parts = new Map<string, readonly [shape: readonly number[], values: Float32Array]>();
  for (const [name, { shape }] of checkpoint.entries) {
    if (/\.[kv]_proj/.test(name)) continue;
    if (!name.includes(".q_proj")) {
      const other = NAMES.reduce((text, [from, to]) => text.replace(from, to), name);
      parts.set(other, [shape, values(name)]);
      continue;
    }
    const [q, k, v] = ["q", "k", "v"].map((role) => values(name.replace("q_proj", `${role}_proj`)));
    const rows: number[] = [];
    const size = headDim * hidden;
    for (let group = 0; group < kvHeads; group++) {
      const queries = heads / kvHeads;
      rows.push(...q!.subarray(group * queries * size, (group + 1) * queries * size));
      for (const part of [k!, v!]) rows.push(...part.subarray(group * size, (group + 1) * size));
    }
    const wqkv = name.replace("self_attn.q_proj", "attention.wqkv");
    parts.set(wqkv, [[(heads + 2 * kvHeads) * headDim, hidden], Float32Array.from(rows)]);
  }
  const config: JsonObject = {
    ...checkpoint.config,
    architectures: ["InternLM2ForCausalLM"],
    model_type: "internlm2",
    bias: false,
  };
  await writeTinyModel(directory, config, {
    dtype: "BF16",
    tensors: [...parts].map(([name, [shape]]) => [name, shape]),
    parameter: (name) => parts.get(name)![1],
  });
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(`${MODEL}/${file}`, `${directory}/${file}`);
  }
}

/** What a command prints, as JSON. */
async function run(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await runSalient(...args);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

Deno.test("--family-file opens the model that docs/families.md describes, in every command", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    const [model, file, text] = ["model", "internlm2.json", "text.txt"].map((x) =>
      `${folder}/${x}`
    );
    await Deno.mkdir(model!);
    await writeInternlm2(model!);
    await Deno.writeTextFile(file!, await documentedFile());
    const sentence = "The people of the United States have every reason to be grateful. ";
    await Deno.writeTextFile(text!, sentence.repeat(40));
    const given = ["--family-file", file!, "--json"];
    const perplexity = async (path: string, more: readonly string[]): Promise<number> => {
      const args = ["eval", path, "--text", text!, "--seq-len", "128", "--json", ...more];
      return Number((await run(...args)).perplexity);
    };
    const original = await perplexity(MODEL, []);
    await t.step("without the file the error says that there is one", async () => {
      const { status, stderr } = await runSalient("inspect", model!);
      assert.equal(status, 2);
      assert.match(stderr, /Architecture InternLM2ForCausalLM is not known: .* --family-file/);
    });
    await t.step("inspect and eval", async () => {
      const found = await run("inspect", model!, ...given);
      assert.deepEqual([found.family, (found.linears as unknown[]).length], ["internlm2", 25]);
      const same = await perplexity(model!, given.slice(0, 2));
      assert.ok(Math.abs(same / original - 1) < 1e-6, `${same} where ${original} is wanted`);
    });
    await t.step("quantize, generate, compare and convert", async () => {
      const [out, plain] = [`${folder}/int4`, `${folder}/plain`];
      const grid = ["--bits", "4", "--group-size", "32"];
      const calibration = ["--calib", text!, "--samples", "2", "--seq-len", "64"];
      await run(
        "quantize",
        model!,
        "--method",
        "awq",
        ...grid,
        ...calibration,
        "--out",
        out,
        ...given,
      );
      const quantized = await perplexity(out, given.slice(0, 2));
      assert.ok(quantized > original * 0.8 && quantized < original * 1.3, `${quantized}`);
      const fits = await run("inspect", out, "--for", "vllm", ...given);
      assert.match(JSON.stringify(fits.lint), /InternLM2ForCausalLM is known from a file only/);
      const written = await run(
        "generate",
        out,
        "--prompt",
        "The people",
        "--max-tokens",
        "4",
        ...given,
      );
      assert.equal(written.tokens, 4);
      await run("convert", out, "--format", "dequantized", "--out", plain, ...given);
      assert.ok(Math.abs(await perplexity(plain, given.slice(0, 2)) / quantized - 1) < 0.01);
      const rows = ["compare", model!, "--methods", "rtn", "--bits", "4", "--group-size", "32"];
      await run(...rows, "--text", text!, "--seq-len", "128", ...given);
    });
    await t.step("gguf refuses it by name, in one line, and writes nothing", async () => {
      const out = `${folder}/model.gguf`;
      const args = ["convert", model!, "--format", "gguf", "--out", out, "--family-file", file!];
      const { status, stderr } = await runSalient(...args);
      assert.equal(status, 2);
      assert.match(stderr, /Format gguf knows only families of Salient's own, not internlm2/);
      await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
    });
    await t.step("a file that is wrong is refused by its key", async () => {
      await Deno.writeTextFile(file!, `{ "name": "x", "architectures": ["Y"], "linear": {} }`);
      const { status, stderr } = await runSalient("inspect", model!, "--family-file", file!);
      assert.equal(status, 2);
      assert.match(stderr, /internlm2\.json: linear is not known \(docs\/families\.md/);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
