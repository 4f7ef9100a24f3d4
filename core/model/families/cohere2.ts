/**
 * Cohere's Command R7B and Command A: Cohere with windows; blocks without a window have no rotary embedding.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Cohere2ForCausalLM`. */
export const cohere2: Family = llamaLike({
  name: "cohere2",
  architectures: ["Cohere2ForCausalLM"],
  defaults: {
    max_position_embeddings: 8192,
    layer_norm_eps: 1e-5,
    tie_word_embeddings: true,
    logit_scale: 0.0625,
    sliding_window: 4096,
    sliding_window_pattern: 4,
  },
  keys: { normEps: "layer_norm_eps" },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: { kind: "layer", attention: "input_layernorm" },
  order: "parallel",
  windows: { blocks: "layer_types", every: "sliding_window_pattern" },
  rope: { interleaved: true, blocks: "windowed" },
  logitScale: [{ key: "logit_scale" }],
});
