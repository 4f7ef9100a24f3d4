import assert from "node:assert/strict";
import { loadFamily } from "../../../../core/model/families/load_family.ts";
import { openModel } from "../../../../core/model/open_model.ts";
import { createReferenceBackend } from "../../../../ffi/reference/reference_backend.ts";
import { TINY_LLAMA, tinyParameter, tinyShapes, writeTinyModel } from "../../../tiny_model.ts";
import { logitsOf, relativeDifference } from "../../pipeline/pipeline_fixtures.ts";

const MINE = { name: "mine", architectures: ["MineForCausalLM"] };
const IDS = Int32Array.from({ length: 20 }, (_, i) => (3 + 7 * i) % 64);

/** Loads a description from a file of that text. */
async function load(content: unknown, use = (_: string): Promise<unknown> => Promise.resolve()) {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await Deno.writeTextFile(file, text);
    await use(file);
    return await loadFamily(file);
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replace(file, "FILE");
    throw error;
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("loadFamily() names the key at fault in one line", async () => {
  const linears = { q: "a", k: "b", v: "c", o: "d", gate: "e", up: "f", down: "g" };
  const bad: [unknown, RegExp][] = [
    [{}, /^FILE: name is missing/],
    [[], /^FILE must hold a JSON object/],
    ["{", /^FILE is not valid JSON/],
    [{ ...MINE, name: "a\nb" }, /^FILE: name must be 1 to 64 letters/],
    [{ ...MINE, name: 3 }, /^FILE: name must be string, but is 3/],
    [{ ...MINE, architectures: [] }, /^FILE: architectures must be >=1, but is 0/],
    [{ ...MINE, architectures: "x" }, /^FILE: architectures must be Array, but is "x"/],
    [{ ...MINE, norm: {} }, /^FILE: norm is not known/],
    [{ ...MINE, norms: { kind: "batch" } }, /^FILE: norms.kind must be .*"layer".* but is "batch"/],
    [{ ...MINE, norms: { heads: { q: "a", k: "b" } } }, /^FILE: norms.heads.over is missing/],
    [{ ...MINE, norms: { mpl: "x" } }, /^FILE: norms.mpl is not known/],
    [{ ...MINE, keys: { heds: "n" } }, /^FILE: keys.heds is not known/],
    [{ ...MINE, keys: { heads: "" } }, /^FILE: keys.heads must be 1 to 200 printable/],
    [{ ...MINE, defaults: { a: { b: 1 } } }, /^FILE: defaults.a must be /],
    [{ ...MINE, linears: { q: "a" } }, /^FILE: linears must name q, k, v or qkv; o;/],
    [{ ...MINE, linears: { ...linears, up: "a" } }, /^FILE: linears must have a path for each/],
    [{ ...MINE, linears: { ...linears, w: "h" } }, /^FILE: linears.w is not known/],
    [{ ...MINE, biases: { qkv: true } }, /^FILE: biases.qkv must be one of the linears/],
    [{ ...MINE, biases: { q: 1 } }, /^FILE: biases.q must be /],
    [{ ...MINE, embeddingScale: 0 }, /^FILE: embeddingScale must be /],
    [{ ...MINE, embeddingScale: [{ key: "a", power: 99 }] }, /^FILE: embeddingScale.0.power must/],
    [{ ...MINE, rope: { blocks: "some" } }, /^FILE: rope.blocks must be /],
    [{ ...MINE, order: "parallel", norms: { mlp: "x" } }, /^FILE: norms.attention must be there/],
    [
      { ...MINE, order: "after", norms: { attention: "x" } },
      /^FILE: norms must have attention and/,
    ],
    [{ ...MINE, activations: { a: "mish" } }, /^FILE: activations.a must be /],
    [{ ...MINE, places: [{ model: "a b", head: "c" }] }, /^FILE: places.0.model must be printable/],
    ['{"name": "a", "name": "b"}', /^FILE has the key .*name.* twice/],
    [`{"name": ${"[".repeat(9)}${"]".repeat(9)}}`, /^FILE nests objects .* more than 8 deep/],
    [`{"name": "${"x".repeat(70000)}"}`, /^FILE has 70012 bytes, more than the 65536/],
    [{ ...MINE, [`${"x".repeat(300)}\n`]: 1 }, /^FILE: x{157}\.\.\. is not known/],
  ];
  for (const [content, message] of bad) {
    await assert.rejects(load(content), (error: Error & { code?: string }) => {
      assert.equal(error.code, "input", error.message);
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n") && error.message.length < 400, error.message);
      return true;
    });
  }
});

Deno.test("a model of another architecture than the file's is refused", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeTinyModel(folder, TINY_LLAMA);
    using backend = createReferenceBackend();
    const family = await load(MINE);
    await assert.rejects(openModel(folder, backend, { family }), {
      code: "input",
      message: /^The family mine is of MineForCausalLM, but .* is LlamaForCausalLM: name it there/,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file overrides a family that is known", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeTinyModel(folder, TINY_LLAMA);
    using backend = createReferenceBackend();
    using plain = await openModel(folder, backend);
    const family = await load({
      ...MINE,
      architectures: ["LlamaForCausalLM"],
      residualScale: 0.5,
      logitScale: [{ key: "hidden_size", power: -0.5 }],
    });
    using model = await openModel(folder, backend, { family });
    assert.equal(model.family.name, "mine");
    assert.equal(model.architecture.block(1).residualScale, 0.5);
    assert.equal(model.architecture.ends.logitScale, 32 ** -0.5);
    const logits = await logitsOf(model, IDS);
    assert.ok(relativeDifference(logits, await logitsOf(plain, IDS)) > 0.1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A Llama whose parameters and keys of `config.json` have other names. */
const RENAMED = {
  ...MINE,
  keys: {
    vocabSize: "n_vocab",
    hiddenSize: "n_embd",
    intermediateSize: "n_inner",
    blocks: "n_layer",
    heads: "n_head",
    kvHeads: "n_kv",
    maxPositions: "n_ctx",
    normEps: "eps",
    activation: "act",
    tiedEmbeddings: "tied",
    ropeTheta: "theta",
  },
  places: [{ model: "", head: "score" }],
  names: { embedding: "wte", blocks: "h", finalNorm: "ln_f" },
  linears: {
    q: "att.query",
    k: "att.key",
    v: "att.value",
    o: "att.out",
    gate: "ff.g",
    up: "ff.u",
    down: "ff.d",
  },
  norms: { attention: "ln1", mlp: "ln2" },
};
const KEYS: Readonly<Record<string, string>> = {
  vocab_size: "n_vocab",
  hidden_size: "n_embd",
  intermediate_size: "n_inner",
  num_hidden_layers: "n_layer",
  num_attention_heads: "n_head",
  num_key_value_heads: "n_kv",
  max_position_embeddings: "n_ctx",
  rms_norm_eps: "eps",
  hidden_act: "act",
  tie_word_embeddings: "tied",
  rope_theta: "theta",
};
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^lm_head/, "score"],
  [/^model\./, ""],
  [/^embed_tokens/, "wte"],
  [/^layers/, "h"],
  [/^norm/, "ln_f"],
  [/input_layernorm/, "ln1"],
  [/post_attention_layernorm/, "ln2"],
  [/self_attn\.q_proj/, "att.query"],
  [/self_attn\.k_proj/, "att.key"],
  [/self_attn\.v_proj/, "att.value"],
  [/self_attn\.o_proj/, "att.out"],
  [/mlp\.gate_proj/, "ff.g"],
  [/mlp\.up_proj/, "ff.u"],
  [/mlp\.down_proj/, "ff.d"],
];

Deno.test("a model with other names computes what Llama does", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const original = new Map<string, string>();
    const tensors = tinyShapes(TINY_LLAMA).map(([name, shape]) => {
      const other = NAMES.reduce((text, [from, to]) => text.replace(from, to), name);
      original.set(other, name);
      return [other, shape] as const;
    });
    const config = Object.fromEntries(
      Object.entries(TINY_LLAMA).map(([key, value]) => [KEYS[key] ?? key, value]),
    );
    for (const part of ["llama", "mine"]) await Deno.mkdir(`${folder}/${part}`);
    await writeTinyModel(`${folder}/llama`, TINY_LLAMA);
    await writeTinyModel(`${folder}/mine`, { ...config, architectures: MINE.architectures }, {
      tensors,
      parameter: (name, shape) => tinyParameter(original.get(name) ?? "", shape),
    });
    using backend = createReferenceBackend();
    using llama = await openModel(`${folder}/llama`, backend);
    await assert.rejects(openModel(`${folder}/mine`, backend), { message: /--family-file$/ });
    using mine = await openModel(`${folder}/mine`, backend, { family: await load(RENAMED) });
    assert.deepEqual(await logitsOf(mine, IDS), await logitsOf(llama, IDS));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
