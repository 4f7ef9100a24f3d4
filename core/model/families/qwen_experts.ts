/**
 * What the mixtures of Qwen and OLMo have in common.
 *
 * @module
 */

import type { ConfigReader } from "../config_reader.ts";
import type { GatedPaths } from "./experts_piece.ts";
import type { MoeExperts } from "./moe_like.ts";

/** What transformers takes where a key is absent. */
export interface QwenExpertsDefaults {
  /** Of `num_experts`. */
  readonly count: number;
  /** Of `num_experts_per_tok`. */
  readonly perToken: number;
  /** Width inside an expert. */
  readonly intermediateSize: number;
}

/**
 * Experts `mlp.experts.I` behind `mlp.gate`, in every block, or in those that `decoder_sparse_step` and
 * `mlp_only_layers` leave them.
 */
export function qwenExperts(reader: ConfigReader, defaults: QwenExpertsDefaults): MoeExperts {
  const step = reader.integer("decoder_sparse_step", { min: 1, max: 2 ** 16 }, 1);
  const dense = new Set(reader.integers("mlp_only_layers", { min: 0, max: 2 ** 16 }));
  return {
    mlp: {
      count: reader.integer("num_experts", { min: 1, max: 4096 }, defaults.count),
      intermediateSize: defaults.intermediateSize,
      router: "mlp.gate",
      paths: (expert) => gatedPaths(`mlp.experts.${expert}`),
    },
    router: {
      scoring: "softmax",
      perToken: reader.integer("num_experts_per_tok", { min: 1, max: 4096 }, defaults.perToken),
      normalize: reader.boolean("norm_topk_prob", false),
      scale: 1,
    },
    isSparse: (index) => !dense.has(index) && (index + 1) % step === 0,
  };
}

/** `gate_proj`, `up_proj` and `down_proj` under a path. */
export function gatedPaths(path: string): GatedPaths {
  return { gate: `${path}.gate_proj`, up: `${path}.up_proj`, down: `${path}.down_proj` };
}

/** Refuses sliding windows, which no published mixture of Qwen uses. */
export function noWindow(reader: ConfigReader): number {
  if (reader.boolean("use_sliding_window", false)) {
    reader.fail("use_sliding_window", "must be false for this family");
  }
  return 0;
}
