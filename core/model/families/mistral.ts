/**
 * Mistral: Llama with a sliding window in every block. Of a model that also sees, the part that reads and writes text.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";
import type { LlamaLike } from "./llama_like_description.ts";

const MISTRAL: LlamaLike = {
  name: "mistral",
  architectures: ["MistralForCausalLM"],
  defaults: { max_position_embeddings: 131072, sliding_window: 4096 },
  windows: { blocks: "all" },
};

/** The family of `MistralForCausalLM`. */
export const mistral: Family = llamaLike(MISTRAL);

/** The text part of `Mistral3ForConditionalGeneration` (Mistral Small 3.1 and later). */
export const mistral3Text: Family = llamaLike({
  ...MISTRAL,
  name: "mistral3_text",
  architectures: ["Mistral3ForConditionalGeneration"],
  config: "text_config",
  places: [
    { model: "language_model.model", head: "language_model.lm_head" },
    { model: "model.language_model", head: "lm_head" },
  ],
});
