/**
 * Helium: Llama with neighbouring channels turned.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `HeliumForCausalLM`. */
export const helium: Family = llamaLike({
  name: "helium",
  architectures: ["HeliumForCausalLM"],
  defaults: {
    num_key_value_heads: 20,
    head_dim: 128,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-8,
    rope_theta: 100000,
  },
  biases: {
    q: "attention_bias",
    k: "attention_bias",
    v: "attention_bias",
    gate: "mlp_bias",
    up: "mlp_bias",
    down: "mlp_bias",
  },
  rope: { interleaved: true },
});
