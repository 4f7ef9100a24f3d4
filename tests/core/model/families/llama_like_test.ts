import assert from "node:assert/strict";
import type { JsonObject } from "../../../../core/checkpoint/types.ts";
import { findFamily } from "../../../../core/model/families/find_family.ts";
import type { Architecture } from "../../../../core/model/architecture.ts";
import { openModel } from "../../../../core/model/open_model.ts";
import { createReferenceBackend } from "../../../../ffi/reference/reference_backend.ts";
import { familyCases, writeFamilyModel } from "./family_cases.ts";

function caseOf(name: string) {
  return familyCases().find((each) => each.name === name) ?? assert.fail(name);
}

/** The structure of a golden case with some keys of its configuration changed. */
function described(name: string, change: JsonObject, has = (_: string) => true): Architecture {
  const config = { ...caseOf(name).config, ...change };
  return findFamily(config).describe(config, has);
}

Deno.test("what Llama's relatives can ask for and is not done is refused by its key", () => {
  const long = { type: "longrope", short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] };
  const cases: [string, JsonObject, RegExp][] = [
    ["olmo2", { clip_qkv: 8 }, /^clip_qkv in config.json must be absent, but it is 8$/],
    ["gemma", { use_bidirectional_attention: true }, /^use_bidirectional_attention .* or false/],
    ["gemma2", { hidden_activation: "mish" }, /^hidden_activation in config.json must be silu,/],
    ["gemma2", { query_pre_attn_scalar: 0 }, /^query_pre_attn_scalar .* must be a number from/],
    ["gemma2", { attn_logit_softcapping: -1 }, /^attn_logit_softcapping/],
    ["gemma3", { sliding_window_pattern: 0 }, /^sliding_window_pattern .* from 1 to/],
    [
      "gemma3",
      { rope_scaling: null, rope_parameters: { rope_theta: 5 } },
      /^rope_parameters .*must/,
    ],
    ["gemma3-conditional", { text_config: 3 }, /^text_config in config.json must be an object/],
    ["granite", { logits_scaling: 0 }, /^logits_scaling/],
    ["granite", { residual_multiplier: "1" }, /^residual_multiplier/],
    ["stablelm", { qk_layernorm: true }, /^qk_layernorm in config.json must be absent or false/],
    ["stablelm", { partial_rotary_factor: 0.1 }, /^partial_rotary_factor in config.json must make/],
    ["stablelm", { use_parallel_residual: 1 }, /^use_parallel_residual/],
    ["cohere", { logit_scale: "big" }, /^logit_scale/],
    ["cohere2", { layer_types: ["full_attention"] }, /^layer_types .* each of the 3 blocks/],
    ["smollm3", { no_rope_layers: [1, 0] }, /^no_rope_layers .* each of the 4 blocks/],
    ["smollm3", { no_rope_layers: [1, 0, 2, 0] }, /^no_rope_layers/],
    ["phi3", { rope_scaling: { ...long, type: "ntk" } }, /^rope_scaling.type/],
    ["phi3", { rope_scaling: { ...long, long_factor: [1] } }, /^rope_scaling.long_factor .* 4 num/],
    ["phi3", { rope_scaling: { ...long, short_factor: [1, 0, 1, 1] } }, /^rope_scaling.short_fac/],
    ["phi3", { rope_scaling: { ...long, short_factor: "x" } }, /^rope_scaling.short_factor/],
  ];
  for (const [name, change, message] of cases) {
    assert.throws(() => described(name, change), { code: "input", message }, name);
  }
});

Deno.test("Gemma 3 that also sees is found under each of its prefixes", () => {
  const prefixes = {
    "language_model.model": "language_model.lm_head.weight",
    "model.language_model": "lm_head.weight",
  };
  for (const [prefix, head] of Object.entries(prefixes)) {
    const embedding = `${prefix}.embed_tokens.weight`;
    const { ends, block } = described("gemma3-conditional", {}, (name) => name === embedding);
    assert.equal(ends.embedding, embedding);
    assert.equal(ends.finalNorm?.path, `${prefix}.norm`);
    assert.equal(ends.head, head);
    assert.equal(block(1).name, `${prefix}.layers.1`);
  }
});

Deno.test("which blocks have windows and which are turned", () => {
  const cohere2 = described("cohere2", { num_hidden_layers: 5, sliding_window_pattern: 4 });
  assert.deepEqual(cohere2.config.windows, [5, 5, 5, 0, 5]);
  const turned = (architecture: Architecture) => {
    return architecture.config.windows.map((_, i) => architecture.block(i).attention.rope?.table);
  };
  assert.deepEqual(turned(cohere2), ["default", "default", "default", undefined, "default"]);
  assert.deepEqual(turned(described("gemma3", {})), ["local", "default", "local"]);
  const smollm3 = described("smollm3", { num_hidden_layers: 5, no_rope_layer_interval: 2 });
  assert.deepEqual(turned(smollm3), ["default", undefined, "default", undefined, "default"]);
});

Deno.test("Gemma's embedding is multiplied by a root that is rounded to the stored type", async () => {
  // The root of 32 is 5.656854; bfloat16 has 5.65625, float16 has 5.65625 too and nothing nearer.
  for (const [dtype, factor] of [["F32", Math.fround(Math.sqrt(32))], ["BF16", 5.65625]] as const) {
    const folder = await Deno.makeTempDir();
    try {
      await writeFamilyModel(folder, caseOf("gemma"), dtype);
      using backend = createReferenceBackend();
      using model = await openModel(folder, backend);
      using hidden = await model.embed(Int32Array.of(3));
      using table = model.checkpoint.tensor("model.embed_tokens.weight");
      using row = backend.rows(table, 3, 1);
      const expected = backend.download(row).map((value) => Math.fround(value * factor));
      assert.deepEqual(backend.download(hidden), expected);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
});
