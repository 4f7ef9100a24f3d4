/**
 * OLMo 2: Llama with norms on what each half adds, in place of those before, and on all queries and all keys together.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Olmo2ForCausalLM`. */
export const olmo2: Family = llamaLike({
  name: "olmo2",
  architectures: ["Olmo2ForCausalLM"],
  defaults: { rms_norm_eps: 1e-5 },
  only: { clip_qkv: [] },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: {
    postAttention: "post_attention_layernorm",
    postMlp: "post_feedforward_layernorm",
    heads: { q: "self_attn.q_norm", k: "self_attn.k_norm", over: "row" },
  },
});
