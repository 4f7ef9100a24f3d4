/**
 * DeepSeek-V2, V2.5 and V2-Lite.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { deepseekLike } from "./deepseek_like.ts";
import { readGroups } from "./expert_groups.ts";

/** The family of `DeepseekV2ForCausalLM`. */
export const deepseekV2: Family = deepseekLike({
  name: "deepseek_v2",
  architectures: ["DeepseekV2ForCausalLM"],
  maxPositions: 2048,
  router(reader, count) {
    if (reader.string("scoring_func", "softmax") !== "softmax") {
      reader.fail("scoring_func", "must be softmax for this family");
    }
    if (reader.boolean("norm_topk_prob", false)) {
      // DeepSeek's own code leaves the scaling factor out then, transformers does not normalize at all.
      reader.fail("norm_topk_prob", "must be false for this family: engines disagree on the other");
    }
    const method = reader.string("topk_method", "greedy");
    if (method !== "greedy" && method !== "group_limited_greedy") {
      reader.fail("topk_method", "must be greedy or group_limited_greedy");
    }
    const perToken = reader.integer("num_experts_per_tok", { min: 1, max: count });
    const groups = method === "greedy" ? undefined : readGroups(reader, count, perToken, "max");
    return {
      scoring: "softmax",
      perToken,
      normalize: false,
      scale: reader.number("routed_scaling_factor", { min: 1e-6, max: 1e6 }, 1),
      ...(groups === undefined ? {} : { groups }),
    };
  },
});
