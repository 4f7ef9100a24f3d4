/**
 * Llama 1 to 3, and what is built like it: SmolLM, TinyLlama, Yi and others.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `LlamaForCausalLM`. */
export const llama: Family = llamaLike({
  name: "llama",
  architectures: ["LlamaForCausalLM", "LLaMAForCausalLM"],
  biases: {
    q: "attention_bias",
    k: "attention_bias",
    v: "attention_bias",
    o: "attention_bias",
    gate: "mlp_bias",
    up: "mlp_bias",
    down: "mlp_bias",
  },
});
