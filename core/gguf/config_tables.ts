/**
 * What `config.json` says of each architecture of GGUF files.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { ConfigOf } from "./config_of.ts";
import { GPT_CONFIGS } from "./gpt_configs.ts";
import { MIXTURE_CONFIGS } from "./mixture_configs.ts";
import type { MetadataReader } from "./metadata_reader.ts";

const PART = "partial_rotary_factor";

/** By `general.architecture`. */
export const CONFIGS: Readonly<Record<string, ConfigOf>> = {
  llama: {
    name: "LlamaForCausalLM",
    type: "llama",
    experts: { name: "MixtralForCausalLM", type: "mixtral" },
    more: (reader) => ({
      ...biases(reader),
      ...(reader.has("expert_count")
        ? {
          num_local_experts: reader.number("expert_count"),
          num_experts_per_tok: reader.number("expert_used_count"),
        }
        : {}),
    }),
  },
  qwen2: { name: "Qwen2ForCausalLM", type: "qwen2" },
  qwen3: { name: "Qwen3ForCausalLM", type: "qwen3" },
  gemma: { name: "GemmaForCausalLM", type: "gemma", activation: "gelu_pytorch_tanh" },
  gemma2: {
    name: "Gemma2ForCausalLM",
    type: "gemma2",
    activation: "gelu_pytorch_tanh",
    activationKey: "hidden_activation",
    more: (reader) => ({
      ...windows(reader, 2),
      query_pre_attn_scalar: scoreWidth(reader, 46),
      attn_logit_softcapping: reader.number("attn_logit_softcapping", 50),
      final_logit_softcapping: reader.number("final_logit_softcapping", 30),
    }),
  },
  gemma3: {
    name: "Gemma3ForCausalLM",
    type: "gemma3_text",
    activation: "gelu_pytorch_tanh",
    activationKey: "hidden_activation",
    more: (reader) => ({
      ...windows(reader, 6),
      query_pre_attn_scalar: scoreWidth(reader, 62),
      rope_local_base_freq: reader.number("rope.freq_base_swa", 10000),
    }),
  },
  phi3: {
    name: "Phi3ForCausalLM",
    type: "phi3",
    partial: PART,
    more: (reader) => ({
      original_max_position_embeddings: reader.number(
        "rope.scaling.original_context_length",
        reader.number("context_length"),
      ),
    }),
  },
  olmo2: {
    name: "Olmo2ForCausalLM",
    type: "olmo2",
    more: (reader) =>
      reader.has("attention.sliding_window")
        ? { architectures: ["Olmo3ForCausalLM"], model_type: "olmo3", ...windows(reader, 4) }
        : {},
  },
  smollm3: {
    name: "SmolLM3ForCausalLM",
    type: "smollm3",
    more: (reader) => ({ ...biases(reader), no_rope_layer_interval: 4 }),
  },
  granite: {
    name: "GraniteForCausalLM",
    type: "granite",
    more: (reader) => ({
      ...biases(reader),
      embedding_multiplier: reader.number("embedding_scale", 1),
      residual_multiplier: reader.number("residual_scale", 1),
      attention_multiplier: reader.number("attention.scale"),
      logits_scaling: reader.number("logit_scale"),
    }),
  },
  stablelm: {
    name: "StableLmForCausalLM",
    type: "stablelm",
    eps: "layer_norm_eps",
    partial: PART,
    more: (reader) => ({
      use_qkv_bias: reader.hasTensor("blk.0.attn_q.bias"),
      use_parallel_residual: !reader.hasTensor("blk.0.ffn_norm.weight"),
      qk_layernorm: reader.hasTensor("blk.0.attn_q_norm.weight"),
    }),
  },
  "command-r": {
    name: "CohereForCausalLM",
    type: "cohere",
    eps: "layer_norm_eps",
    more: (reader) => ({
      attention_bias: reader.hasTensor("blk.0.attn_q.bias"),
      use_qk_norm: reader.hasTensor("blk.0.attn_q_norm.weight"),
      logit_scale: reader.number("logit_scale"),
    }),
  },
  cohere2: {
    name: "Cohere2ForCausalLM",
    type: "cohere2",
    eps: "layer_norm_eps",
    more: (reader) => ({
      ...windows(reader, 4),
      attention_bias: reader.hasTensor("blk.0.attn_q.bias"),
      logit_scale: reader.number("logit_scale"),
    }),
  },
  chatglm: { name: "GlmForCausalLM", type: "glm", partial: PART, more: glm },
  glm4: { name: "Glm4ForCausalLM", type: "glm4", partial: PART, more: glm },
  arcee: { name: "ArceeForCausalLM", type: "arcee", activation: "relu2" },
  nemotron: {
    name: "NemotronForCausalLM",
    type: "nemotron",
    eps: "norm_eps",
    activation: "relu2",
    partial: PART,
  },
  ...GPT_CONFIGS,
  ...MIXTURE_CONFIGS,
};

/** Which linears of a Llama have biases. */
function biases(reader: MetadataReader): JsonObject {
  return {
    attention_bias: reader.hasTensor("blk.0.attn_q.bias"),
    mlp_bias: reader.hasTensor("blk.0.ffn_gate.bias"),
  };
}

/** Whether queries, keys and values of a GLM have biases. */
function glm(reader: MetadataReader): JsonObject {
  return { attention_bias: reader.hasTensor("blk.0.attn_q.bias") };
}

/** Windows in all blocks but every n-th. */
function windows(reader: MetadataReader, every: number): JsonObject {
  const blocks = reader.number("block_count");
  if (!reader.has("attention.sliding_window")) return { sliding_window: null };
  if (blocks > 65536) throw reader.fault(`has ${blocks} blocks`);
  return {
    sliding_window: reader.number("attention.sliding_window"),
    layer_types: Array.from({ length: blocks }, (_, i) => {
      return (i + 1) % every === 0 ? "full_attention" : "sliding_attention";
    }),
  };
}

/** One over the square of the scores' factor: the width of a head, in the largest model that of the stream by heads. */
function scoreWidth(reader: MetadataReader, largest: number): number {
  const heads = reader.number("attention.head_count");
  const width = reader.number("embedding_length");
  if (reader.number("block_count") === largest) return Math.floor(width / heads);
  return reader.number("attention.key_length", width / heads);
}
