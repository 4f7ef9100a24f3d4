/**
 * What `config.json` says of each architecture of GGUF files.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { MetadataReader } from "./metadata_reader.ts";

/** A class of transformers. */
interface ModelClass {
  /** Its name, in `architectures`. */
  readonly name: string;
  /** Its `model_type`. */
  readonly type: string;
}

/** How the configuration of an architecture is written. */
export interface ConfigOf extends ModelClass {
  /** The class where there are experts; undefined where that is not read. */
  readonly experts?: ModelClass;
  /** Key of the epsilon of layer norms. Default: root mean squares, `rms_norm_eps`. */
  readonly eps?: string;
  /** The function inside the MLP where the file does not say it. Default `silu`. */
  readonly activation?: string;
  /** Its key. Default `hidden_act`. */
  readonly activationKey?: string;
  /** Key for the part of a head that is turned; `""` where another key says so. Default: whole heads. */
  readonly partial?: string;
  /** Whether it has rotary embedding. Default true. */
  readonly rope?: boolean;
  /** Names of its own for the usual keys; `""` for keys that it does not have. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Its further keys. */
  more?(reader: MetadataReader): JsonObject;
}

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
  phi3: { name: "Phi3ForCausalLM", type: "phi3", partial: PART },
  phi2: {
    name: "PhiForCausalLM",
    type: "phi",
    eps: "layer_norm_eps",
    activation: "gelu_new",
    partial: PART,
  },
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
  gpt2: {
    name: "GPT2LMHeadModel",
    type: "gpt2",
    eps: "layer_norm_epsilon",
    activation: "gelu_new",
    activationKey: "activation_function",
    rope: false,
    rename: {
      hidden_size: "n_embd",
      intermediate_size: "n_inner",
      num_hidden_layers: "n_layer",
      num_attention_heads: "n_head",
      num_key_value_heads: "",
      head_dim: "",
      max_position_embeddings: "n_positions",
    },
  },
  starcoder2: {
    name: "Starcoder2ForCausalLM",
    type: "starcoder2",
    eps: "norm_epsilon",
    activation: "gelu_pytorch_tanh",
    more: (reader) => ({ use_bias: reader.hasTensor("blk.0.attn_q.bias") }),
  },
  falcon: {
    name: "FalconForCausalLM",
    type: "falcon",
    eps: "layer_norm_epsilon",
    activation: "gelu",
    activationKey: "activation",
    rename: {
      intermediate_size: "ffn_hidden_size",
      num_key_value_heads: "num_kv_heads",
      head_dim: "",
    },
    more: falcon,
  },
  gptneox: {
    name: "GPTNeoXForCausalLM",
    type: "gpt_neox",
    eps: "layer_norm_eps",
    activation: "gelu",
    partial: "rotary_pct",
    rename: { num_key_value_heads: "", head_dim: "", rope_theta: "rotary_emb_base" },
    more: (reader) => ({ use_parallel_residual: reader.flag("use_parallel_residual", true) }),
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
  deepseek2: {
    name: "DeepseekV2ForCausalLM",
    type: "deepseek_v2",
    experts: { name: "DeepseekV2ForCausalLM", type: "deepseek_v2" },
    partial: "",
    more: deepseek,
  },
};

function biases(reader: MetadataReader): JsonObject {
  return {
    attention_bias: reader.hasTensor("blk.0.attn_q.bias"),
    mlp_bias: reader.hasTensor("blk.0.ffn_gate.bias"),
  };
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

function experts(reader: MetadataReader, normalized: boolean): JsonObject {
  return {
    num_experts: reader.number("expert_count"),
    num_experts_per_tok: reader.number("expert_used_count"),
    moe_intermediate_size: reader.number("expert_feed_forward_length"),
    norm_topk_prob: normalized,
  };
}

function falcon(reader: MetadataReader): JsonObject {
  const heads = reader.number("attention.head_count");
  const shared = reader.number("attention.head_count_kv", heads);
  const norms = reader.hasTensor("blk.0.attn_norm_2.weight") ? 2 : 1;
  // Of the older ones only those of one head of keys and values are known.
  const grouped = norms === 2 || shared !== 1;
  return {
    new_decoder_architecture: grouped,
    multi_query: shared === 1,
    num_ln_in_parallel_attn: norms,
    parallel_attn: true,
    bias: false,
    alibi: false,
  };
}

function glm(reader: MetadataReader): JsonObject {
  return { attention_bias: reader.hasTensor("blk.0.attn_q.bias") };
}

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
