/**
 * Ministral: Mistral with windows in the blocks that say so.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `MinistralForCausalLM`. */
export const ministral: Family = llamaLike({
  name: "ministral",
  architectures: ["MinistralForCausalLM"],
  defaults: { max_position_embeddings: 131072, sliding_window: 4096, max_window_layers: 0 },
  windows: { blocks: "layer_types", from: "max_window_layers" },
});
