/**
 * GLM-4 and GLM-4-0414: a fused MLP, biases on q, k and v, and half of the channels turned, neighbour with neighbour.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";
import type { LlamaLike } from "./llama_like_description.ts";

const GLM: LlamaLike = {
  name: "glm",
  architectures: ["GlmForCausalLM"],
  defaults: {
    num_key_value_heads: 2,
    head_dim: 128,
    max_position_embeddings: 131072,
    rms_norm_eps: 1.5625e-7,
    attention_bias: true,
    partial_rotary_factor: 0.5,
    eos_token_id: [151329, 151336, 151338],
  },
  linears: {
    q: "self_attn.q_proj",
    k: "self_attn.k_proj",
    v: "self_attn.v_proj",
    o: "self_attn.o_proj",
    gateUp: "mlp.gate_up_proj",
    down: "mlp.down_proj",
  },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias" },
  rope: { partial: true, interleaved: true },
};

/** The family of `GlmForCausalLM`. */
export const glm: Family = llamaLike(GLM);

/** The family of `Glm4ForCausalLM`: the same with norms after each half too. */
export const glm4: Family = llamaLike({
  ...GLM,
  name: "glm4",
  architectures: ["Glm4ForCausalLM"],
  norms: {
    attention: "input_layernorm",
    postAttention: "post_self_attn_layernorm",
    mlp: "post_attention_layernorm",
    postMlp: "post_mlp_layernorm",
  },
});
