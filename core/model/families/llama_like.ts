/**
 * The shape that Llama and its relatives share; a family is this with a few switches.
 *
 * Their block, in both halves with a residual connection:
 * norm -> q, k, v -> rotary embedding -> causal attention -> o, then norm -> act(gate) * up -> down.
 *
 * @module
 */

import type { JsonObject } from "../../checkpoint/types.ts";
import type { ModelConfig } from "../config.ts";
import type { Family, LinearSpec, NormSpec, ResidualSpec, ScaleSetSpec } from "../family.ts";
import { readLlamaConfig } from "../read_llama_config.ts";

/** What tells one relative of Llama from another. */
export interface LlamaLike {
  /** The family's name. */
  readonly name: string;
  /** Values of `architectures` in `config.json`. */
  readonly architectures: readonly string[];
  /** Linears with a bias: always, or where a key of `config.json` is true. Others have none. */
  readonly biases: Readonly<Record<string, "always" | "attention_bias" | "mlp_bias">>;
  /** Whether queries and keys are normed for each head. */
  readonly headNorms: boolean;
  /**
   * Sliding windows: `"none"`; `"all"` blocks see `sliding_window` tokens if it is not null; or
   * `"layers"`: those that `layer_types` says, else those from `max_window_layers` on, where
   * `use_sliding_window` is true.
   */
  readonly windows: "none" | "all" | "layers";
  /** Longest sequence where `max_position_embeddings` is absent. */
  readonly maxPositions: number;
}

const LINEARS: readonly LinearSpec[] = [
  { role: "q", path: "self_attn.q_proj", site: "attention" },
  { role: "k", path: "self_attn.k_proj", site: "attention" },
  { role: "v", path: "self_attn.v_proj", site: "attention" },
  { role: "o", path: "self_attn.o_proj", site: "attentionOutput" },
  { role: "gate", path: "mlp.gate_proj", site: "mlp" },
  { role: "up", path: "mlp.up_proj", site: "mlp" },
  { role: "down", path: "mlp.down_proj", site: "mlpHidden" },
];

const NORMS: readonly NormSpec[] = [
  { role: "attention", path: "input_layernorm" },
  { role: "mlp", path: "post_attention_layernorm" },
];

const HEAD_NORMS: readonly NormSpec[] = [
  { role: "q", path: "self_attn.q_norm" },
  { role: "k", path: "self_attn.k_norm" },
];

const SCALE_SETS: readonly ScaleSetSpec[] = [
  {
    source: { kind: "norm", role: "attention" },
    linears: ["q", "k", "v"],
    module: "attention",
  },
  { source: { kind: "linear", role: "v" }, linears: ["o"] },
  { source: { kind: "norm", role: "mlp" }, linears: ["gate", "up"], module: "mlp" },
  { source: { kind: "linear", role: "up" }, linears: ["down"] },
];

const RESIDUAL: ResidualSpec = {
  readers: [
    { norm: "attention", linears: ["q", "k", "v"] },
    { norm: "mlp", linears: ["gate", "up"] },
  ],
  writers: ["o", "down"],
  values: "v",
  output: "o",
};

/** A family from its switches. */
export function llamaLike(description: LlamaLike): Family {
  return {
    name: description.name,
    architectures: description.architectures,
    names: {
      embedding: "model.embed_tokens.weight",
      finalNorm: "model.norm.weight",
      head: "lm_head.weight",
      block: "model.layers.{i}",
    },
    linears: LINEARS,
    norms: description.headNorms ? [...NORMS, ...HEAD_NORMS] : NORMS,
    scaleSets: SCALE_SETS,
    residual: RESIDUAL,
    readConfig(raw: JsonObject): ModelConfig {
      return readLlamaConfig(raw, description);
    },
  };
}
