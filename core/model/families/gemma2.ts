/**
 * Gemma 2: Gemma with norms after each half too, every second block behind a window, and capped scores and logits.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Gemma2ForCausalLM`. */
export const gemma2: Family = llamaLike({
  name: "gemma2",
  architectures: ["Gemma2ForCausalLM"],
  defaults: {
    vocab_size: 256000,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 8192,
    hidden_activation: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
    query_pre_attn_scalar: 256,
    sliding_window: 4096,
    sliding_window_pattern: 2,
    final_logit_softcapping: 30,
    attn_logit_softcapping: 50,
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
  },
  windows: { blocks: "layer_types", every: "sliding_window_pattern" },
  embeddingScale: [{ key: "hidden_size", power: 0.5 }],
  embeddingScaleRounded: true,
  attentionScale: [{ key: "query_pre_attn_scalar", power: -0.5 }],
  attentionSoftcap: "attn_logit_softcapping",
  logitSoftcap: "final_logit_softcapping",
});
