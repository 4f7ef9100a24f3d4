/**
 * StableLM 2 and StableLM 3B: Llama with layer norms and rotary embedding on a quarter of the channels.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `StableLmForCausalLM`. */
export const stablelm: Family = llamaLike({
  name: "stablelm",
  architectures: ["StableLmForCausalLM"],
  defaults: {
    num_key_value_heads: 32,
    max_position_embeddings: 4096,
    layer_norm_eps: 1e-5,
    partial_rotary_factor: 0.25,
  },
  keys: { normEps: "layer_norm_eps" },
  // Its norms of heads are tensors of their own, one a head.
  only: { qk_layernorm: [false] },
  biases: { q: "use_qkv_bias", k: "use_qkv_bias", v: "use_qkv_bias" },
  norms: {
    kind: "layer",
    bias: true,
    attention: "input_layernorm",
    mlp: "post_attention_layernorm",
  },
  parallelWhen: "use_parallel_residual",
  rope: { partial: true },
});
