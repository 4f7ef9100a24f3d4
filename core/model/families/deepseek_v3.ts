/**
 * DeepSeek-V3 and R1, and what is built like them: Moonlight, Kimi K2.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { deepseekLike } from "./deepseek_like.ts";
import { readGroups } from "./expert_groups.ts";

/** The family of `DeepseekV3ForCausalLM`. */
export const deepseekV3: Family = deepseekLike({
  name: "deepseek_v3",
  architectures: ["DeepseekV3ForCausalLM"],
  maxPositions: 4096,
  router(reader, count) {
    if (reader.string("scoring_func", "sigmoid") !== "sigmoid") {
      reader.fail("scoring_func", "must be sigmoid for this family");
    }
    if (reader.string("topk_method", "noaux_tc") !== "noaux_tc") {
      reader.fail("topk_method", "must be noaux_tc for this family");
    }
    const perToken = reader.integer("num_experts_per_tok", { min: 1, max: count }, 8);
    const groups = readGroups(reader, count, perToken, "top2");
    return {
      scoring: "sigmoid",
      perToken,
      normalize: reader.boolean("norm_topk_prob", true),
      scale: reader.number("routed_scaling_factor", { min: 1e-6, max: 1e6 }, 2.5),
      ...(groups === undefined ? {} : { groups }),
      correction: "mlp.gate.e_score_correction_bias",
    };
  },
});
