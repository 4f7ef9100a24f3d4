/**
 * Groups of experts in `config.json`.
 *
 * @module
 */

import type { ConfigReader } from "../config_reader.ts";
import type { RouterLayout } from "../layout.ts";

/**
 * Reads `n_group` and `topk_group`, and checks them against the number of experts and `num_experts_per_tok`.
 *
 * @returns undefined where one group holds all.
 */
export function readGroups(
  reader: ConfigReader,
  count: number,
  perToken: number,
  score: NonNullable<RouterLayout["groups"]>["score"],
): RouterLayout["groups"] {
  const groups = reader.integer("n_group", { min: 1, max: count });
  if (count % groups !== 0) reader.fail("n_group", `must divide the ${count} experts`);
  const used = reader.integer("topk_group", { min: 1, max: groups });
  if (perToken > used * count / groups) {
    reader.fail("num_experts_per_tok", `must be at most the experts of ${used} groups`);
  }
  if (used === groups) return undefined;
  if (score === "top2" && count / groups < 2) {
    reader.fail("n_group", "must leave each group two experts");
  }
  return { count: groups, perToken: used, score };
}
