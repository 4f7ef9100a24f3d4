/**
 * ERNIE 4.5 (dense): Llama with neighbouring channels turned.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Ernie4_5ForCausalLM`. */
export const ernie45: Family = llamaLike({
  name: "ernie4_5",
  architectures: ["Ernie4_5ForCausalLM"],
  defaults: {
    num_key_value_heads: 2,
    head_dim: 128,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    tie_word_embeddings: true,
  },
  biases: {
    q: "use_bias",
    k: "use_bias",
    v: "use_bias",
    o: "use_bias",
    gate: "use_bias",
    up: "use_bias",
    down: "use_bias",
  },
  rope: { interleaved: true },
});
