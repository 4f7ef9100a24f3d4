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
  defaults: { max_position_embeddings: 131072, sliding_window: 4096 },
  windows: { blocks: "all" },
});
