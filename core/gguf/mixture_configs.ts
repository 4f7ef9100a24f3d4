/**
 * What `config.json` says of mixtures of experts in GGUF files.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { ConfigOf } from "./config_of.ts";
import type { MetadataReader } from "./metadata_reader.ts";

/** By `general.architecture`. */
export const MIXTURE_CONFIGS: Readonly<Record<string, ConfigOf>> = {
  qwen2moe: {
    name: "Qwen2MoeForCausalLM",
    type: "qwen2_moe",
    experts: { name: "Qwen2MoeForCausalLM", type: "qwen2_moe" },
    more: (reader) => ({
      ...experts(reader, false),
      qkv_bias: reader.hasTensor("blk.0.attn_q.bias"),
      shared_expert_intermediate_size: reader.number("expert_shared_feed_forward_length"),
    }),
  },
  qwen3moe: {
    name: "Qwen3MoeForCausalLM",
    type: "qwen3_moe",
    experts: { name: "Qwen3MoeForCausalLM", type: "qwen3_moe" },
    more: (reader) => experts(reader, true),
  },
  olmoe: {
    name: "OlmoeForCausalLM",
    type: "olmoe",
    experts: { name: "OlmoeForCausalLM", type: "olmoe" },
    more: (reader) => experts(reader, false),
  },
  deepseek2: {
    name: "DeepseekV2ForCausalLM",
    type: "deepseek_v2",
    experts: { name: "DeepseekV2ForCausalLM", type: "deepseek_v2" },
    partial: "",
    more: deepseek,
  },
};

/** The experts of Qwen and OLMo. */
function experts(reader: MetadataReader, normalized: boolean): JsonObject {
  return {
    num_experts: reader.number("expert_count"),
    num_experts_per_tok: reader.number("expert_used_count"),
    moe_intermediate_size: reader.number("expert_feed_forward_length"),
    norm_topk_prob: normalized,
  };
}

/** Widths and experts of DeepSeek-V2. */
function deepseek(reader: MetadataReader): JsonObject {
  const rope = reader.number("rope.dimension_count");
  const width = reader.number("expert_feed_forward_length");
  if (reader.has("attention.key_length_mla")) {
    throw reader.fault("has split latent keys and values (attn_k_b), which is not read");
  }
  return {
    q_lora_rank: reader.has("attention.q_lora_rank")
      ? reader.number("attention.q_lora_rank")
      : null,
    kv_lora_rank: reader.number("attention.kv_lora_rank"),
    qk_rope_head_dim: rope,
    qk_nope_head_dim: reader.number("attention.key_length") - rope,
    v_head_dim: reader.number("attention.value_length"),
    n_routed_experts: reader.number("expert_count"),
    num_experts_per_tok: reader.number("expert_used_count"),
    n_shared_experts: reader.number("expert_shared_count", 0),
    moe_intermediate_size: width,
    first_k_dense_replace: reader.number("leading_dense_block_count", 0),
    routed_scaling_factor: reader.number("expert_weights_scale", 1),
    norm_topk_prob: reader.flag("expert_weights_norm", false),
    topk_method: "greedy",
  };
}
