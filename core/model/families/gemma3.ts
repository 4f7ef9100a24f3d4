/**
 * Gemma 3: Gemma 2 with norms on queries and keys, and another base of the angles behind windows. Of a model that also sees,
 * the part that reads and writes text.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";
import type { LlamaLike } from "./llama_like_description.ts";

const TEXT: LlamaLike = {
  name: "gemma3",
  architectures: ["Gemma3ForCausalLM"],
  defaults: {
    vocab_size: 262208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131072,
    hidden_activation: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
    query_pre_attn_scalar: 256,
    sliding_window: 4096,
    sliding_window_pattern: 6,
    rope_theta: 1e6,
    rope_local_base_freq: 1e4,
  },
  keys: { activation: "hidden_activation" },
  only: { use_bidirectional_attention: [false] },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: {
    offset: 1,
    attention: "input_layernorm",
    postAttention: "post_attention_layernorm",
    mlp: "pre_feedforward_layernorm",
    postMlp: "post_feedforward_layernorm",
    heads: { q: "self_attn.q_norm", k: "self_attn.k_norm", over: "head" },
  },
  windows: { blocks: "layer_types", every: "sliding_window_pattern" },
  rope: { localTheta: "rope_local_base_freq" },
  embeddingScale: [{ key: "hidden_size", power: 0.5 }],
  embeddingScaleRounded: true,
  attentionScale: [{ key: "query_pre_attn_scalar", power: -0.5 }],
  attentionSoftcap: "attn_logit_softcapping",
  logitSoftcap: "final_logit_softcapping",
};

/** The family of `Gemma3ForCausalLM`. */
export const gemma3: Family = llamaLike(TEXT);

/** The text part of `Gemma3ForConditionalGeneration`. */
export const gemma3Text: Family = llamaLike({
  ...TEXT,
  name: "gemma3_text",
  architectures: ["Gemma3ForConditionalGeneration"],
  config: "text_config",
  places: [
    { model: "language_model.model", head: "language_model.lm_head" },
    { model: "model.language_model", head: "lm_head" },
  ],
});
