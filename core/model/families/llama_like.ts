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
import { ConfigReader } from "../config_reader.ts";
import type { Architecture } from "../architecture.ts";
import type { Family } from "../family.ts";
import type { BlockLayout, NormSpec, ResidualSpec } from "../layout.ts";
import { readLlamaConfig } from "../read_llama_config.ts";
import { joinPieces } from "./block_piece.ts";
import { gatedMlpPiece } from "./gated_mlp_piece.ts";
import { separateAttention } from "./separate_attention.ts";

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

const PATHS = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
} as const;

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
    describe(raw: JsonObject): Architecture {
      const config = readLlamaConfig(raw, description);
      const reader = new ConfigReader(raw);
      const biases = Object.entries(description.biases)
        .filter(([, when]) => when === "always" || reader.boolean(when, false))
        .map(([role]) => role);
      return {
        config,
        ends: {
          embedding: "model.embed_tokens.weight",
          finalNorm: rmsNorm(config, "final", "model.norm", config.hiddenSize),
          head: "lm_head.weight",
        },
        ropes: { default: config.rope },
        block: (index) => blockLayout(description, config, biases, index),
      };
    },
  };
}

function blockLayout(
  description: LlamaLike,
  config: ModelConfig,
  biases: readonly string[],
  index: number,
): BlockLayout {
  const { heads, kvHeads, headDim, hiddenSize } = config;
  const { linears, scaleSets } = joinPieces([
    separateAttention({ ...config, paths: PATHS, biases, norm: "attention" }),
    gatedMlpPiece({ ...config, paths: PATHS, biases, norm: "mlp" }),
  ]);
  return {
    name: `model.layers.${index}`,
    linears,
    norms: [
      rmsNorm(config, "attention", "input_layernorm", hiddenSize),
      rmsNorm(config, "mlp", "post_attention_layernorm", hiddenSize),
      ...description.headNorms
        ? ["q", "k"].map((role) => rmsNorm(config, role, `self_attn.${role}_norm`, headDim))
        : [],
    ],
    scaleSets,
    residual: RESIDUAL,
    attention: {
      projection: { kind: "separate" },
      heads,
      kvHeads,
      headDim,
      scale: 1 / Math.sqrt(headDim),
      window: config.windows[index] ?? 0,
      rope: { table: "default", interleaved: false },
    },
    mlp: { kind: "gated", activation: config.activation, fused: false },
  };
}

function rmsNorm(config: ModelConfig, role: string, path: string, length: number): NormSpec {
  return { role, path, shape: [length], kind: "rms", eps: config.normEps };
}
