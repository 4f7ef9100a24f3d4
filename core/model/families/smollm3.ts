/**
 * SmolLM3: Llama in which every fourth block has no rotary embedding.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `SmolLM3ForCausalLM`. */
export const smollm3: Family = llamaLike({
  name: "smollm3",
  architectures: ["SmolLM3ForCausalLM"],
  defaults: {
    num_key_value_heads: 4,
    max_position_embeddings: 32768,
    tie_word_embeddings: true,
    no_rope_layer_interval: 4,
    rope_theta: 2e6,
  },
  biases: {
    q: "attention_bias",
    k: "attention_bias",
    v: "attention_bias",
    o: "attention_bias",
    gate: "mlp_bias",
    up: "mlp_bias",
    down: "mlp_bias",
  },
  windows: { blocks: "layer_types", when: "use_sliding_window" },
  rope: { blocks: { list: "no_rope_layers", every: "no_rope_layer_interval" } },
});
