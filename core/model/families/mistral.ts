/**
 * Mistral: Llama with a sliding window in every block.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `MistralForCausalLM`. */
export const mistral: Family = llamaLike({
  name: "mistral",
  architectures: ["MistralForCausalLM"],
  biases: {},
  headNorms: false,
  windows: "all",
  maxPositions: 131072,
});
