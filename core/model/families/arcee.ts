/**
 * Arcee (AFM): Llama with an MLP without gates.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `ArceeForCausalLM`. */
export const arcee: Family = llamaLike({
  name: "arcee",
  architectures: ["ArceeForCausalLM"],
  defaults: { max_position_embeddings: 4096, hidden_act: "relu2", rms_norm_eps: 1e-5 },
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
});
