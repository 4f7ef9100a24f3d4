/**
 * Nemotron 3 and 4, Minitron: layer norms that store weight - 1, an MLP without gates, half of the channels turned.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `NemotronForCausalLM`. */
export const nemotron: Family = llamaLike({
  name: "nemotron",
  architectures: ["NemotronForCausalLM"],
  defaults: {
    max_position_embeddings: 4096,
    hidden_act: "relu2",
    norm_eps: 1e-5,
    partial_rotary_factor: 0.5,
  },
  keys: { normEps: "norm_eps" },
  linears: {
    q: "self_attn.q_proj",
    k: "self_attn.k_proj",
    v: "self_attn.v_proj",
    o: "self_attn.o_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
  },
  biases: {
    q: "attention_bias",
    k: "attention_bias",
    v: "attention_bias",
    o: "attention_bias",
    up: "mlp_bias",
    down: "mlp_bias",
  },
  norms: {
    kind: "layer",
    offset: 1,
    bias: true,
    attention: "input_layernorm",
    mlp: "post_attention_layernorm",
  },
  rope: { partial: true },
});
