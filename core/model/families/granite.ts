/**
 * Granite 3: Llama with factors on embedding, scores, what each half adds, and logits.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `GraniteForCausalLM`. */
export const granite: Family = llamaLike({
  name: "granite",
  architectures: ["GraniteForCausalLM"],
  defaults: {
    embedding_multiplier: 1,
    logits_scaling: 1,
    residual_multiplier: 1,
    attention_multiplier: 1,
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
  embeddingScale: [{ key: "embedding_multiplier" }],
  attentionScale: [{ key: "attention_multiplier" }],
  residualScale: [{ key: "residual_multiplier" }],
  logitScale: [{ key: "logits_scaling", power: -1 }],
});
