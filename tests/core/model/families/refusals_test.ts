import assert from "node:assert/strict";
import type { Json } from "../../../../core/checkpoint/types.ts";
import { findFamily } from "../../../../core/model/families/find_family.ts";
import { familyCases } from "./family_cases.ts";

/** For cases a key and values of it that ask for what is not done, or make no model. */
const REFUSED: readonly (readonly [name: string, key: string, ...values: Json[]])[] = [
  ["opt", "layer_norm_elementwise_affine", false],
  ["opt", "activation_function", "gelu_10"],
  ["opt", "word_embed_proj_dim", 0],
  ["opt", "do_layer_norm_before", 1],
  ["gpt2", "add_cross_attention", true],
  ["gpt2", "n_head", 5, 0],
  ["gpt2", "n_embd", 2 ** 30],
  ["gpt2", "n_layer", 1e9],
  ["gpt_bigcode", "multi_query", "yes"],
  ["gpt_bigcode", "add_cross_attention", true],
  ["gpt_neo", "attention_types", [], "x", [[["global"], 1e9]], [[[], 1e9]], [[["local"], 1]], [[
    ["sparse"],
    2,
  ]]],
  ["gpt_neo", "attention_layers", ["global"], ["global", "other"]],
  ["gpt_neo", "window_size", 0],
  ["gpt_neox", "rotary_pct", 0, 0.01, 2, 0.4],
  ["gpt_neox", "rotary_emb_base", -1],
  ["gpt_neox", "use_parallel_residual", "no"],
  ["gptj", "rotary_dim", null, 3, 10],
  ["phi", "num_key_value_heads", 3, 8],
  ["phi", "partial_rotary_factor", 0.05],
  ["falcon_7b", "num_ln_in_parallel_attn", 2, 3],
  ["falcon_40b", "parallel_attn", false],
  ["falcon_40b", "num_kv_heads", 3],
  ["bloom", "apply_residual_connection_post_layernorm", true],
  ["mpt", "no_bias", false],
  ["mpt", "logit_scale", "inv_sqrt_d_model"],
  ["mpt", "norm_type", "rmsnorm"],
  ["starcoder2", "num_key_value_heads", 3],
  ["starcoder2", "sliding_window", -1],
];

const configs = new Map(familyCases().map(({ name, config }) => [name, config]));

Deno.test("families refuse what they do not do and name the key", () => {
  for (const [name, key, ...values] of REFUSED) {
    const config = configs.get(name);
    assert.ok(config !== undefined, name);
    for (const value of values) {
      assert.throws(
        () => findFamily(config).describe({ ...config, [key]: value }, () => true),
        { code: "input", message: new RegExp(`^${key} in config.json must .*, but it is `) },
        `${name} ${key}: ${JSON.stringify(value)}`,
      );
    }
  }
});

Deno.test("MPT refuses attention that it does not do", () => {
  const config = configs.get("mpt");
  assert.ok(config !== undefined);
  const refused: readonly [string, Json][] = [
    ["alibi", false],
    ["qk_ln", true],
    ["clip_qkv", 6],
    ["prefix_lm", true],
    ["attn_type", "multiquery_attention"],
    ["alibi_bias_max", 0],
  ];
  for (const [key, value] of refused) {
    assert.throws(
      () => findFamily(config).describe({ ...config, attn_config: { [key]: value } }, () => true),
      { code: "input", message: new RegExp(`^attn_config.${key} in config.json must `) },
      key,
    );
  }
});
