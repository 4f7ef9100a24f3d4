import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { findFamily } from "../../../core/model/families/find_family.ts";
import { type MemoryPlan, planMemory } from "../../../core/pipeline/memory_plan.ts";
import {
  mergeObservations,
  NO_OBSERVATION,
  observedSites,
} from "../../../core/pipeline/observation.ts";
import type { LinearInfo, Plugin } from "../../../core/plugin.ts";
import { awq } from "../../../plugins/awq/mod.ts";
import { gptq } from "../../../plugins/gptq/mod.ts";

const GIB = 2 ** 30;
const COMMON = { vocab_size: 32000, max_position_embeddings: 32768, num_attention_heads: 32 };
const QWEN3_30B_A3B: JsonObject = {
  ...COMMON,
  architectures: ["Qwen3MoeForCausalLM"],
  hidden_size: 2048,
  intermediate_size: 6144,
  moe_intermediate_size: 768,
  num_hidden_layers: 2,
  num_key_value_heads: 4,
  head_dim: 128,
  num_experts: 128,
};
const MIXTRAL_8X7B: JsonObject = {
  ...COMMON,
  architectures: ["MixtralForCausalLM"],
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 2,
  num_key_value_heads: 8,
};
const DEEPSEEK_V3: JsonObject = {
  ...COMMON,
  architectures: ["DeepseekV3ForCausalLM"],
  hidden_size: 7168,
  intermediate_size: 18432,
  moe_intermediate_size: 2048,
  num_hidden_layers: 2,
  first_k_dense_replace: 0,
  n_routed_experts: 256,
  n_group: 8,
  topk_group: 4,
};

/** The plan of a run over 128 windows of 512 tokens, on blocks of a published shape. */
function plan(raw: JsonObject, plugin: Plugin, limit: number): MemoryPlan {
  const { config, block } = findFamily(raw).describe(raw, () => true);
  const linears = Array.from({ length: config.blocks }, (_, index) => {
    return block(index).linears.map((spec): LinearInfo => ({
      ...spec,
      name: `${index}.${spec.path}`,
      block: index,
      dtype: "BF16",
    }));
  }).flat();
  const quantized = linears.filter(({ plain }) => plain !== true);
  return planMemory({
    config,
    linears,
    sites: observedSites(quantized, config.blocks, (linear) => {
      return mergeObservations(NO_OBSERVATION, plugin.observe?.(linear));
    }),
    windows: { samples: 128, seqLen: 512 },
    transforms: plugin.transformBlock !== undefined,
    passesAgain: plugin.propagate ?? false,
    keepsBlocks: false,
    limit,
  });
}

Deno.test("mixtures of the published sizes are quantized within 24 GiB, statistics of every expert included", () => {
  for (const raw of [QWEN3_30B_A3B, MIXTRAL_8X7B]) {
    for (const plugin of [awq(), gptq()]) {
      const { peak, parts } = plan(raw, plugin, 24 * GIB);
      assert.ok(peak < 24 * GIB);
      assert.ok(parts.statistics > GIB, "an expert has statistics of its own");
    }
  }
});

Deno.test("a mixture that is too large says what to do", () => {
  assert.throws(() => plan(DEEPSEEK_V3, gptq(), 24 * GIB), {
    code: "input",
    message: /no Gram matrix of each expert, as rtn or awq with --set awq.tokens=256/,
  });
  assert.throws(() => plan(DEEPSEEK_V3, awq(), 24 * GIB), { code: "input", message: /one block/ });
});
