/**
 * Seed-OSS: Llama with biases on queries, keys and values.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `SeedOssForCausalLM`. */
export const seedOss: Family = llamaLike({
  name: "seed_oss",
  architectures: ["SeedOssForCausalLM"],
  defaults: {
    num_key_value_heads: 8,
    head_dim: 128,
    max_position_embeddings: 524288,
    attention_bias: true,
  },
  biases: {
    q: "attention_bias",
    k: "attention_bias",
    v: "attention_bias",
    o: "attention_out_bias",
    gate: "mlp_bias",
    up: "mlp_bias",
    down: "mlp_bias",
  },
});
