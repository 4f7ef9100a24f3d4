/**
 * Qwen3-MoE: Qwen3's attention with a norm on each head's queries and keys, and experts.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { moeLike } from "./moe_like.ts";
import { noWindow, qwenExperts } from "./qwen_experts.ts";

/** The family of `Qwen3MoeForCausalLM`. */
export const qwen3Moe: Family = moeLike({
  name: "qwen3_moe",
  architectures: ["Qwen3MoeForCausalLM"],
  biases: (reader) => reader.boolean("attention_bias", false) ? ["q", "k", "v", "o"] : [],
  headNorms: "head",
  window: noWindow,
  maxPositions: 32768,
  experts: (reader) =>
    qwenExperts(reader, {
      count: 128,
      perToken: 8,
      intermediateSize: reader.integer("moe_intermediate_size", { min: 1, max: 2 ** 20 }, 768),
    }),
});
