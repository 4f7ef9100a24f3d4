import assert from "node:assert/strict";
import { families, findFamily } from "../../../../core/model/families/find_family.ts";
import { TINY_LLAMA } from "../../../tiny_model.ts";

Deno.test("findFamily() knows every family by each of its architectures", () => {
  for (const family of families) {
    for (const name of family.architectures) {
      assert.equal(findFamily({ architectures: ["Other", name] }).name, family.name);
    }
  }
  const names = families.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)].sort());
});

Deno.test("findFamily() refuses an unknown architecture and says where to go on", () => {
  assert.throws(() => findFamily({ architectures: ["NoSuchForCausalLM"] }), {
    code: "input",
    message:
      /^Architecture NoSuchForCausalLM is not known: docs\/families.md .* like Llama, .* with --family-file$/,
  });
  for (const architectures of [undefined, null, [], "LlamaForCausalLM", [1]]) {
    assert.throws(() => findFamily({ architectures }), { code: "input", message: /architectures/ });
  }
});

Deno.test("readConfig() fills in what is absent as transformers does", () => {
  const sizes = {
    vocab_size: 100,
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 30,
    num_attention_heads: 4,
  };
  const llama = findFamily(TINY_LLAMA).describe(sizes, () => true).config;
  assert.equal(llama.kvHeads, 4);
  assert.equal(llama.headDim, 16);
  assert.equal(llama.normEps, 1e-6);
  assert.equal(llama.tiedEmbeddings, false);
  assert.equal(llama.maxPositions, 2048);
  assert.deepEqual(llama.rope, { theta: 10000, scaling: "default", parameters: {}, rotated: 16 });
  assert.deepEqual([llama.bosId, llama.eosIds], [undefined, []]);
  const mistral =
    findFamily({ architectures: ["MistralForCausalLM"] }).describe(sizes, () => true).config;
  assert.ok(mistral.windows.every((window) => window === 4096));
  const qwen2 = findFamily({ architectures: ["Qwen2ForCausalLM"] });
  assert.ok(qwen2.describe(sizes, () => true).config.windows.every((window) => window === 0));
  const sliding = qwen2.describe({ ...sizes, use_sliding_window: true }, () => true);
  assert.deepEqual(sliding.config.windows.slice(26), [0, 0, 4096, 4096]);
  const biased = sliding.block(0).linears.filter(({ bias }) => bias === true);
  assert.deepEqual(biased.map(({ role }) => role), ["q", "k", "v"]);
});

Deno.test("readConfig() takes a list of end tokens", () => {
  const { config } = findFamily(TINY_LLAMA).describe(
    { ...TINY_LLAMA, eos_token_id: [2, 5] },
    () => true,
  );
  assert.deepEqual(config.eosIds, [2, 5]);
});

Deno.test("readConfig() refuses values that make no model and names the key", () => {
  const bad: [string, unknown][] = [
    ["vocab_size", undefined],
    ["vocab_size", 0],
    ["vocab_size", "64"],
    ["hidden_size", 2 ** 40],
    ["hidden_size", 33.5],
    ["num_hidden_layers", -1],
    ["num_hidden_layers", 1e9],
    ["num_attention_heads", 0],
    ["num_attention_heads", 12],
    ["num_key_value_heads", 3],
    ["head_dim", 7],
    ["head_dim", 0],
    ["rms_norm_eps", "1e-5"],
    ["rms_norm_eps", -1],
    ["hidden_act", "tanh"],
    ["hidden_act", "toString"],
    ["tie_word_embeddings", 1],
    ["attention_bias", "yes"],
    ["max_position_embeddings", 0],
    ["eos_token_id", [1, -2]],
    ["eos_token_id", "</s>"],
    ["rope_theta", 0],
    ["rope_scaling", 3],
    ["rope_scaling", []],
    ["partial_rotary_factor", 0.5],
  ];
  const family = findFamily(TINY_LLAMA);
  for (const [key, value] of bad) {
    const config = { ...TINY_LLAMA, [key]: value } as typeof TINY_LLAMA;
    assert.throws(() => family.describe(config, () => true), {
      code: "input",
      message: new RegExp(`^${key} in config.json must .*, but it is `),
    }, `${key}: ${JSON.stringify(value)}`);
  }
});

Deno.test("readConfig() refuses broken rope rules and names the key", () => {
  const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const bad: [string, Record<string, unknown>][] = [
    ["short_factor", { rope_type: "longrope" }],
    ["long_factor", { type: "su", short_factor: [1, 1, 1, 1] }],
    ["rope_type", { rope_type: "ntk" }],
    ["rope_type", { rope_type: 3 }],
    ["factor", { rope_type: "linear" }],
    ["factor", { rope_type: "dynamic", factor: 0.5 }],
    ["low_freq_factor", { ...llama3, low_freq_factor: undefined }],
    ["high_freq_factor", { ...llama3, high_freq_factor: 1 }],
    ["original_max_position_embeddings", { ...llama3, original_max_position_embeddings: 0 }],
    ["truncate", { rope_type: "yarn", factor: 4, truncate: 1 }],
    ["beta_fast", { rope_type: "yarn", factor: 4, beta_fast: "32" }],
    ["rope_theta", { rope_type: "default", rope_theta: -5 }],
    ["full_attention", { full_attention: { rope_type: "default" } }],
  ];
  const family = findFamily(TINY_LLAMA);
  for (const name of ["rope_scaling", "rope_parameters"]) {
    for (const [key, rope] of bad) {
      const config = { ...TINY_LLAMA, [name]: rope } as typeof TINY_LLAMA;
      const expected = { code: "input", message: new RegExp(`^${name}\\.${key} in config.json`) };
      assert.throws(() => family.describe(config, () => true), expected, JSON.stringify(rope));
    }
  }
});

Deno.test("readConfig() refuses layer types that do not fit", () => {
  const family = findFamily({ architectures: ["Qwen3ForCausalLM"] });
  const full = "full_attention";
  for (const types of [[full], [full, "chunked_attention"], [full, "sliding_attention"], "x"]) {
    assert.throws(() => family.describe({ ...TINY_LLAMA, layer_types: types }, () => true), {
      code: "input",
      message: /^layer_types in config.json must/,
    });
  }
  const { config } = family.describe({
    ...TINY_LLAMA,
    use_sliding_window: true,
    sliding_window: 9,
    layer_types: ["sliding_attention", full],
  }, () => true);
  assert.deepEqual(config.windows, [9, 0]);
});
