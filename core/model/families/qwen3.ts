/**
 * Qwen3: Llama with a norm on each head's queries and keys.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Qwen3ForCausalLM`. */
export const qwen3: Family = llamaLike({
  name: "qwen3",
  architectures: ["Qwen3ForCausalLM"],
  defaults: { max_position_embeddings: 32768, sliding_window: 4096, max_window_layers: 28 },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: {
    attention: "input_layernorm",
    mlp: "post_attention_layernorm",
    heads: { q: "self_attn.q_norm", k: "self_attn.k_norm", over: "head" },
  },
  windows: { blocks: "layer_types", from: "max_window_layers", when: "use_sliding_window" },
});
