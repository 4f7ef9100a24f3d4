/**
 * What `config.json` says of GPT-2's relatives in GGUF files.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { ConfigOf } from "./config_of.ts";
import type { MetadataReader } from "./metadata_reader.ts";

const PART = "partial_rotary_factor";

/** By `general.architecture`. */
export const GPT_CONFIGS: Readonly<Record<string, ConfigOf>> = {
  phi2: {
    name: "PhiForCausalLM",
    type: "phi",
    eps: "layer_norm_eps",
    activation: "gelu_new",
    partial: PART,
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
};

/** How Falcon shares keys, and its norms. */
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
