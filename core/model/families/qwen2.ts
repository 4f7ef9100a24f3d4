/**
 * Qwen2 and Qwen2.5: Llama with biases on q, k and v, and sliding windows in the upper blocks.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Qwen2ForCausalLM`. */
export const qwen2: Family = llamaLike({
  name: "qwen2",
  architectures: ["Qwen2ForCausalLM"],
  biases: { q: "always", k: "always", v: "always" },
  headNorms: false,
  windows: "layers",
  maxPositions: 32768,
});
