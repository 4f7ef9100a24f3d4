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
  defaults: { max_position_embeddings: 32768, sliding_window: 4096, max_window_layers: 28 },
  biases: { q: true, k: true, v: true },
  windows: { blocks: "layer_types", from: "max_window_layers", when: "use_sliding_window" },
});
