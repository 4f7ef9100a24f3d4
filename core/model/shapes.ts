/**
 * Shapes of a block's weights, by role.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { ModelConfig } from "./config.ts";

/** [out, in] of the linear with that role. */
export function linearShape(config: ModelConfig, role: string): readonly [number, number] {
  const queries = config.heads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  switch (role) {
    case "q":
      return [queries, config.hiddenSize];
    case "k":
    case "v":
      return [keys, config.hiddenSize];
    case "o":
      return [config.hiddenSize, queries];
    case "gate":
    case "up":
      return [config.intermediateSize, config.hiddenSize];
    case "down":
      return [config.hiddenSize, config.intermediateSize];
    default:
      throw new SalientError("failed", `No linear has the role ${role}`);
  }
}

/** Length of the norm with that role. */
export function normLength(config: ModelConfig, role: string): number {
  return role === "q" || role === "k" ? config.headDim : config.hiddenSize;
}
