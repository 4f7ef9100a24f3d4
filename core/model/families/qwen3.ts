/**
 * Qwen3: Llama with a norm on each head's queries and keys.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Qwen3ForCausalLM`. */
export const qwen3: Family = llamaLike({
  name: "qwen3",
  architectures: ["Qwen3ForCausalLM"],
  biases: {
    q: "attention_bias",
    k: "attention_bias",
    v: "attention_bias",
    o: "attention_bias",
  },
  headNorms: true,
  windows: "layers",
  maxPositions: 32768,
});
