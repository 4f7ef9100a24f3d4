/**
 * Blocks with Llama's attention and a mixture of experts; a family is this with a few switches.
 *
 * @module
 */

import type { JsonObject } from "../../checkpoint/types.ts";
import type { Architecture } from "../architecture.ts";
import type { ModelConfig } from "../config.ts";
import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import type { BlockLayout, MlpLayout, NormSpec, RouterLayout } from "../layout.ts";
import { readLlamaConfig } from "../read_llama_config.ts";
import { readRope } from "../read_rope.ts";
import { joinPieces } from "./block_piece.ts";
import { type ExpertsMlp, expertsPiece } from "./experts_piece.ts";
import { gatedMlpPiece } from "./gated_mlp_piece.ts";
import { separateAttention } from "./separate_attention.ts";

/** What a family reads of its experts. */
export interface MoeExperts {
  /** The mixture of the blocks that have one. */
  readonly mlp: Omit<ExpertsMlp, "hiddenSize" | "norm">;
  /** Which experts a token goes to. */
  readonly router: RouterLayout;
  /** Whether the block of that index has experts; others have a dense MLP. */
  isSparse(index: number): boolean;
}

/** What tells one such family from another. */
export interface MoeLike {
  /** The family's name. */
  readonly name: string;
  /** Values of `architectures` in `config.json`. */
  readonly architectures: readonly string[];
  /** Roles of the attention's linears that have a bias. */
  biases(reader: ConfigReader): readonly string[];
  /** Norms on queries and keys: of each head, of all heads together, or none. */
  readonly headNorms: "none" | "head" | "whole";
  /** Tokens that a token sees; 0 for all before it. */
  window(reader: ConfigReader): number;
  /** Base of the rotary frequencies where `rope_theta` is absent. Default 10000. */
  readonly ropeTheta?: number;
  /** Longest sequence where `max_position_embeddings` is absent. */
  readonly maxPositions: number;
  /** The experts. */
  experts(reader: ConfigReader, config: ModelConfig): MoeExperts;
}

const ATTENTION = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
} as const;

const DENSE = { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" } as const;

/** A family from its switches. */
export function moeLike(family: MoeLike): Family {
  return {
    name: family.name,
    architectures: family.architectures,
    describe(raw: JsonObject): Architecture {
      const { ropeTheta = 10000, maxPositions } = family;
      const defaults = { rope_theta: ropeTheta, max_position_embeddings: maxPositions };
      const reader = new ConfigReader({ ...defaults, ...raw });
      const sizes = readLlamaConfig(reader, family);
      const windows = new Array<number>(sizes.blocks).fill(family.window(reader));
      const read = { ...sizes, windows, rope: readRope(reader, sizes.headDim, sizes.maxPositions) };
      const experts = family.experts(reader, read);
      const { mlp, router, isSparse } = experts;
      if (router.perToken > mlp.count) {
        reader.fail("num_experts_per_tok", `must be at most the ${mlp.count} experts`);
      }
      const dense = Array.from({ length: read.blocks }, (_, i) => i).some((i) => !isSparse(i));
      const config = {
        ...read,
        // What a block needs at most, for the prediction of its memory.
        intermediateSize: Math.max(
          dense ? read.intermediateSize : 0,
          mlp.intermediateSize,
          mlp.shared?.intermediateSize ?? 0,
        ),
        experts: {
          count: mlp.count,
          perToken: router.perToken,
          intermediateSize: mlp.intermediateSize,
        },
      };
      const biases = family.biases(reader);
      return {
        config,
        ends: {
          embedding: "model.embed_tokens.weight",
          finalNorm: rmsNorm(config, "final", "model.norm", config.hiddenSize),
          head: "lm_head.weight",
        },
        ropes: { default: read.rope },
        block: (index) =>
          blockLayout(family, config, { ...experts, dense: read.intermediateSize, biases }, index),
      };
    },
  };
}

function blockLayout(
  family: MoeLike,
  config: ModelConfig,
  { mlp, router, isSparse, dense, biases }: MoeExperts & {
    readonly dense: number;
    readonly biases: readonly string[];
  },
  index: number,
): BlockLayout {
  const { heads, kvHeads, headDim, hiddenSize, activation } = config;
  const sparse = isSparse(index);
  const { linears, scaleSets } = joinPieces([
    separateAttention({ ...config, paths: ATTENTION, biases, norm: "attention" }),
    sparse ? expertsPiece({ ...mlp, hiddenSize, norm: "mlp" }) : gatedMlpPiece({
      hiddenSize,
      intermediateSize: dense,
      paths: DENSE,
      biases: [],
      norm: "mlp",
    }),
  ]);
  const widths = family.headNorms === "head"
    ? { q: headDim, k: headDim }
    : { q: heads * headDim, k: kvHeads * headDim };
  const ofStream = linears.filter(({ site }) => site === "mlp" || site.startsWith("experts."));
  return {
    name: `model.layers.${index}`,
    linears,
    norms: [
      rmsNorm(config, "attention", "input_layernorm", hiddenSize),
      rmsNorm(config, "mlp", "post_attention_layernorm", hiddenSize),
      ...family.headNorms === "none" ? [] : [
        rmsNorm(config, "q", "self_attn.q_norm", widths.q),
        rmsNorm(config, "k", "self_attn.k_norm", widths.k),
      ],
    ],
    scaleSets,
    residual: {
      readers: [
        { norm: "attention", linears: ["q", "k", "v"] },
        { norm: "mlp", linears: ofStream.map(({ key }) => key) },
      ],
      writers: linears.filter(({ role }) => role === "o" || role === "down").map(({ key }) => key),
      values: "v",
      output: "o",
    },
    attention: {
      projection: { kind: "separate" },
      heads,
      kvHeads,
      headDim,
      scale: 1 / Math.sqrt(headDim),
      window: config.windows[index] ?? 0,
      rope: { table: "default", interleaved: false },
    },
    mlp: sparse
      ? mixtureLayout(mlp, router, activation)
      : { kind: "gated", activation, fused: false },
  };
}

/** How a mixture runs. */
export function mixtureLayout(
  { count, shared }: Pick<ExpertsMlp, "count" | "shared">,
  router: RouterLayout,
  activation: ModelConfig["activation"],
): MlpLayout {
  return {
    kind: "experts",
    activation,
    count,
    router,
    ...(shared === undefined ? {} : { shared: { gated: shared.gate !== undefined } }),
  };
}

function rmsNorm(config: ModelConfig, role: string, path: string, length: number): NormSpec {
  return { role, path, shape: [length], kind: "rms", eps: config.normEps };
}
