/**
 * Phi-3, Phi-3.5 and Phi-4-mini: Llama with fused linears, and positions stretched by a factor for each pair of channels.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Phi3ForCausalLM`. */
export const phi3: Family = llamaLike({
  name: "phi3",
  architectures: ["Phi3ForCausalLM"],
  defaults: {
    max_position_embeddings: 4096,
    original_max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
  },
  linears: {
    qkv: "self_attn.qkv_proj",
    o: "self_attn.o_proj",
    gateUp: "mlp.gate_up_proj",
    down: "mlp.down_proj",
  },
  windows: { blocks: "all" },
  rope: { partial: true },
});
