/**
 * OLMo 3: OLMo 2 with windows, three blocks of four, whose angles are not stretched.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Olmo3ForCausalLM`. */
export const olmo3: Family = llamaLike({
  name: "olmo3",
  architectures: ["Olmo3ForCausalLM"],
  defaults: {
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    sliding_window: 4096,
    sliding_window_pattern: 4,
  },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: {
    postAttention: "post_attention_layernorm",
    postMlp: "post_feedforward_layernorm",
    heads: { q: "self_attn.q_norm", k: "self_attn.k_norm", over: "row" },
  },
  windows: { blocks: "layer_types", every: "sliding_window_pattern" },
  rope: { localTheta: "rope_theta" },
});
