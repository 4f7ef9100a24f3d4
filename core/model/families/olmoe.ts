/**
 * OLMoE: experts, and norms over all queries and all keys of a token.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { moeLike } from "./moe_like.ts";
import { qwenExperts } from "./qwen_experts.ts";

/** The family of `OlmoeForCausalLM`. */
export const olmoe: Family = moeLike({
  name: "olmoe",
  architectures: ["OlmoeForCausalLM"],
  biases: (reader) => reader.boolean("attention_bias", false) ? ["q", "k", "v", "o"] : [],
  headNorms: "whole",
  window: () => 0,
  maxPositions: 4096,
  experts(reader, { intermediateSize }) {
    if (reader.has("clip_qkv")) {
      reader.fail(
        "clip_qkv",
        "must be null: queries, keys and values that are clipped are not run",
      );
    }
    return qwenExperts(reader, { count: 64, perToken: 8, intermediateSize });
  },
});
