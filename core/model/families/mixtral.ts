/**
 * Mixtral: Mistral's attention, and experts named w1 (gate), w3 (up) and w2 (down).
 *
 * @module
 */

import type { Family } from "../family.ts";
import { moeLike } from "./moe_like.ts";

/** The family of `MixtralForCausalLM`. */
export const mixtral: Family = moeLike({
  name: "mixtral",
  architectures: ["MixtralForCausalLM"],
  biases: () => [],
  headNorms: "none",
  window: (reader) => {
    return reader.has("sliding_window")
      ? reader.integer("sliding_window", { min: 1, max: 2 ** 31 - 1 })
      : 0;
  },
  ropeTheta: 1e6,
  maxPositions: 131072,
  experts: (reader, { intermediateSize }) => ({
    mlp: {
      count: reader.integer("num_local_experts", { min: 1, max: 4096 }, 8),
      intermediateSize,
      router: "block_sparse_moe.gate",
      paths: (expert) => ({
        gate: `block_sparse_moe.experts.${expert}.w1`,
        up: `block_sparse_moe.experts.${expert}.w3`,
        down: `block_sparse_moe.experts.${expert}.w2`,
      }),
    },
    router: {
      scoring: "softmax",
      perToken: reader.integer("num_experts_per_tok", { min: 1, max: 4096 }, 2),
      normalize: true,
      scale: 1,
    },
    isSparse: () => true,
  }),
});
