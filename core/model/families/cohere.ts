/**
 * Cohere's Command R: both halves read one layer norm without bias; neighbouring channels are turned.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `CohereForCausalLM`. */
export const cohere: Family = llamaLike({
  name: "cohere",
  architectures: ["CohereForCausalLM"],
  defaults: {
    max_position_embeddings: 8192,
    layer_norm_eps: 1e-5,
    tie_word_embeddings: true,
    logit_scale: 0.0625,
    rope_theta: 500000,
  },
  keys: { normEps: "layer_norm_eps" },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: {
    kind: "layer",
    attention: "input_layernorm",
    heads: {
      q: "self_attn.q_norm",
      k: "self_attn.k_norm",
      over: "heads",
      when: "use_qk_norm",
    },
  },
  order: "parallel",
  rope: { interleaved: true },
  logitScale: [{ key: "logit_scale" }],
});
