import assert from "node:assert/strict";
import type { JsonObject } from "../../../../core/checkpoint/types.ts";
import type { Architecture } from "../../../../core/model/architecture.ts";
import { findFamily } from "../../../../core/model/families/find_family.ts";
import { familyCases } from "./family_cases.ts";

/** The configuration of a golden case with some keys changed. */
function described(name: string, changes: JsonObject = {}): Architecture {
  const found = familyCases().find((each) => each.name === name);
  const config = { ...found?.config, ...changes };
  return findFamily(config).describe(config, () => true);
}

function refuses(name: string, changes: JsonObject, message: RegExp): void {
  assert.throws(() => described(name, changes), { code: "input", message });
}

Deno.test("families with experts refuse what they do not run, by its key", () => {
  refuses("mixtral", { num_experts_per_tok: 5 }, /num_experts_per_tok .* at most the 4 experts/);
  refuses("qwen2_moe", { use_sliding_window: true }, /use_sliding_window .* must be false/);
  refuses("qwen3_moe", { mlp_only_layers: [-1] }, /mlp_only_layers/);
  refuses("olmoe", { clip_qkv: 8 }, /clip_qkv .* must be null/);
  refuses("deepseek_v2", { norm_topk_prob: true }, /norm_topk_prob .* must be false/);
  refuses("deepseek_v2", { topk_method: "best" }, /topk_method .* greedy or group_limited_greedy/);
  refuses("deepseek_v2", { v_head_dim: 12 }, /v_head_dim .* at most the 10 channels/);
  refuses("deepseek_v2", { num_key_value_heads: 2 }, /num_key_value_heads .* must be .*4/);
  refuses("deepseek_v2_groups", { n_group: 3 }, /n_group .* must divide the 8 experts/);
  refuses("deepseek_v2_groups", { num_experts_per_tok: 5 }, /at most the experts of 2 groups/);
  refuses("deepseek_v3", { n_group: 8, topk_group: 2 }, /n_group .* leave each group two experts/);
  refuses("deepseek_v3", { scoring_func: "softmax" }, /scoring_func .* must be sigmoid/);
  refuses("deepseek_v3", { first_k_dense_replace: null }, /first_k_dense_replace/);
});

Deno.test("a set of all experts takes router and gate of the shared expert with it", () => {
  const { scaleSets, linears } = described("qwen2_moe").block(0);
  const set = scaleSets.find(({ source: { kind, role } }) => kind === "norm" && role === "mlp");
  assert.deepEqual(set?.followers, ["router", "sharedGate"]);
  assert.equal(set?.linears.length, 2 + 6 * 2);
  assert.equal(set?.module, undefined, "an expert's inputs are no sequences");
  const plain = linears.filter((linear) => linear.plain).map(({ path }) => path);
  assert.deepEqual(plain, ["mlp.gate", "mlp.shared_expert_gate"]);
});

Deno.test("which blocks have experts", () => {
  function kinds(name: string, changes: JsonObject): string {
    const { block } = described(name, { num_hidden_layers: 6, ...changes });
    return Array.from({ length: 6 }, (_, i) => block(i).mlp.kind === "experts" ? "x" : "-").join(
      "",
    );
  }
  assert.equal(kinds("qwen3_moe", { decoder_sparse_step: 2, mlp_only_layers: [3] }), "-x---x");
  assert.equal(kinds("deepseek_v2", { first_k_dense_replace: 1, moe_layer_freq: 2 }), "--x-x-");
  assert.equal(kinds("mixtral", {}), "xxxxxx");
});
