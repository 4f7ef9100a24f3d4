/**
 * Qwen2-MoE and Qwen1.5-MoE: experts beside a shared one that a gate weighs, biases on q, k and v.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { moeLike } from "./moe_like.ts";
import { gatedPaths, noWindow, qwenExperts } from "./qwen_experts.ts";

const WIDTH = { min: 1, max: 2 ** 20 };

/** The family of `Qwen2MoeForCausalLM`. */
export const qwen2Moe: Family = moeLike({
  name: "qwen2_moe",
  architectures: ["Qwen2MoeForCausalLM"],
  biases: (reader) => reader.boolean("qkv_bias", true) ? ["q", "k", "v"] : [],
  headNorms: "none",
  window: noWindow,
  maxPositions: 32768,
  experts(reader) {
    const intermediateSize = reader.integer("moe_intermediate_size", WIDTH, 1408);
    const experts = qwenExperts(reader, { count: 60, perToken: 4, intermediateSize });
    return {
      ...experts,
      mlp: {
        ...experts.mlp,
        shared: {
          intermediateSize: reader.integer("shared_expert_intermediate_size", WIDTH, 5632),
          paths: gatedPaths("mlp.shared_expert"),
          gate: "mlp.shared_expert_gate",
        },
      },
    };
  },
});
