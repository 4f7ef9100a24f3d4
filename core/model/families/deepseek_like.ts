/**
 * DeepSeek-V2 and V3: latent attention, and experts in groups beside shared ones.
 *
 * @module
 */

import type { JsonObject } from "../../checkpoint/types.ts";
import type { Architecture } from "../architecture.ts";
import type { ModelConfig } from "../config.ts";
import { ConfigReader, type NumberRange } from "../config_reader.ts";
import type { Family } from "../family.ts";
import type { BlockLayout, NormSpec, RouterLayout } from "../layout.ts";
import { type LlamaConfig, readLlamaConfig } from "../read_llama_config.ts";
import { readRope } from "../read_rope.ts";
import { joinPieces } from "./block_piece.ts";
import { type ExpertsMlp, expertsPiece } from "./experts_piece.ts";
import { gatedMlpPiece } from "./gated_mlp_piece.ts";
import { type LatentAttention, latentAttention } from "./latent_attention.ts";
import { mixtureLayout } from "./moe_like.ts";
import { gatedPaths } from "./qwen_experts.ts";

/** What tells V2 from V3. */
export interface DeepseekLike {
  /** The family's name. */
  readonly name: string;
  /** Values of `architectures` in `config.json`. */
  readonly architectures: readonly string[];
  /** Longest sequence where `max_position_embeddings` is absent. */
  readonly maxPositions: number;
  /** Which experts a token goes to, of `count`. */
  router(reader: ConfigReader, count: number): RouterLayout;
}

const WIDTH: NumberRange = { min: 1, max: 2 ** 20 };
const EVEN: NumberRange = { min: 2, max: 2 ** 14 };
const INDEX: NumberRange = { min: 0, max: 2 ** 16 };

const PATHS = {
  q: "self_attn.q_proj",
  qA: "self_attn.q_a_proj",
  qB: "self_attn.q_b_proj",
  kvA: "self_attn.kv_a_proj_with_mqa",
  kvB: "self_attn.kv_b_proj",
  o: "self_attn.o_proj",
  qNorm: "self_attn.q_a_layernorm",
  kvNorm: "self_attn.kv_a_layernorm",
} as const;

/** The norms of latent vectors have the default of their class, whatever `rms_norm_eps` is. */
const LATENT_EPS = 1e-6;

/** All that blocks are made from. */
interface Parts {
  readonly config: LlamaConfig;
  readonly attention: LatentAttention;
  readonly scale: number;
  readonly interleaved: boolean;
  readonly dense: number;
  readonly mlpBiases: readonly string[];
  readonly mlp: Omit<ExpertsMlp, "hiddenSize" | "norm">;
  readonly router: RouterLayout;
  isSparse(index: number): boolean;
}

/** A family from what is its own. */
export function deepseekLike(family: DeepseekLike): Family {
  return {
    name: family.name,
    architectures: family.architectures,
    describe(raw: JsonObject): Architecture {
      const parts = readParts(raw, family);
      const { config } = parts;
      return {
        config,
        ends: {
          embedding: "model.embed_tokens.weight",
          finalNorm: rmsNorm(config, "final", "model.norm"),
          head: "lm_head.weight",
        },
        ropes: { default: config.rope },
        block: (index) => blockLayout(parts, index),
      };
    },
  };
}

function readParts(raw: JsonObject, family: DeepseekLike): Parts {
  const reader = new ConfigReader(raw);
  const nopeDim = reader.integer("qk_nope_head_dim", EVEN, 128);
  const ropeDim = reader.integer("qk_rope_head_dim", EVEN, 64);
  if (ropeDim % 2 !== 0) reader.fail("qk_rope_head_dim", "must be even");
  const valueDim = reader.integer("v_head_dim", EVEN, 128);
  const headDim = nopeDim + ropeDim;
  if (valueDim > headDim) {
    reader.fail("v_head_dim", `must be at most the ${headDim} channels of a head's keys`);
  }
  const sizes = { max_position_embeddings: family.maxPositions, ...raw, head_dim: headDim };
  const read = readLlamaConfig(new ConfigReader(sizes), family);
  const { heads, hiddenSize, maxPositions, blocks, intermediateSize } = read;
  if (read.kvHeads !== heads) {
    reader.fail("num_key_value_heads", `must be num_attention_heads (${heads})`);
  }
  const rope = readRope(reader, ropeDim, maxPositions);
  const mlp = readExperts(reader);
  const router = family.router(reader, mlp.count);
  const firstSparse = reader.integer("first_k_dense_replace", INDEX);
  const every = reader.integer("moe_layer_freq", { min: 1, max: 2 ** 16 }, 1);
  const isSparse = (index: number): boolean => index >= firstSparse && index % every === 0;
  const widest = Math.max(mlp.intermediateSize, mlp.shared?.intermediateSize ?? 0);
  const sparse = Array.from({ length: blocks }, (_, i) => i).every(isSparse);
  return {
    config: {
      ...read,
      headDim,
      windows: new Array<number>(blocks).fill(0),
      rope,
      intermediateSize: sparse ? widest : Math.max(widest, intermediateSize),
      experts: {
        count: mlp.count,
        perToken: router.perToken,
        intermediateSize: mlp.intermediateSize,
      },
    },
    attention: {
      hiddenSize,
      heads,
      nopeDim,
      ropeDim,
      valueDim,
      queryRank: readQueryRank(reader),
      kvRank: reader.integer("kv_lora_rank", WIDTH, 512),
      paths: PATHS,
      biases: reader.boolean("attention_bias", false) ? ["qA", "kvA", "o"] : [],
      eps: LATENT_EPS,
      norm: "attention",
    },
    scale: attentionScale(headDim, rope),
    interleaved: reader.boolean("rope_interleave", true),
    dense: intermediateSize,
    mlpBiases: readMlpBiases(reader),
    mlp,
    router,
    isSparse,
  };
}

/** Null stands for one linear that makes the queries; an absent key for the published rank. */
function readQueryRank(reader: ConfigReader): number {
  if (reader.mentions("q_lora_rank") && !reader.has("q_lora_rank")) return 0;
  return reader.integer("q_lora_rank", WIDTH, 1536);
}

function readMlpBiases(reader: ConfigReader): readonly string[] {
  return reader.boolean("mlp_bias", false) ? ["gate", "up", "down"] : [];
}

function readExperts(reader: ConfigReader): Parts["mlp"] {
  const intermediateSize = reader.integer("moe_intermediate_size", WIDTH);
  const shared = reader.has("n_shared_experts")
    ? reader.integer("n_shared_experts", { min: 0, max: 256 })
    : 0;
  return {
    count: reader.integer("n_routed_experts", { min: 1, max: 4096 }),
    intermediateSize,
    router: "mlp.gate",
    paths: (expert) => gatedPaths(`mlp.experts.${expert}`),
    ...(shared === 0 ? {} : {
      shared: {
        intermediateSize: intermediateSize * shared,
        paths: gatedPaths("mlp.shared_experts"),
        biases: readMlpBiases(reader),
      },
    }),
  };
}

/** 1 / sqrt(headDim), times the square of YaRN's `mscale_all_dim` term: what it has kept from cos and sin. */
function attentionScale(headDim: number, { scaling, parameters }: LlamaConfig["rope"]): number {
  const { factor = 1, mscale_all_dim: all = 0 } = parameters;
  const scale = 1 / Math.sqrt(headDim);
  if (scaling !== "yarn" || all === 0 || factor <= 1) return scale;
  return scale * (0.1 * all * Math.log(factor) + 1) ** 2;
}

function blockLayout(parts: Parts, index: number): BlockLayout {
  const { config, attention, mlp, router } = parts;
  const { heads, headDim, hiddenSize, activation } = config;
  const { queryRank, kvRank, nopeDim, ropeDim, valueDim } = attention;
  const sparse = parts.isSparse(index);
  const { linears, norms, scaleSets } = joinPieces([
    latentAttention(attention),
    sparse ? expertsPiece({ ...mlp, hiddenSize, norm: "mlp" }) : gatedMlpPiece({
      hiddenSize,
      intermediateSize: parts.dense,
      paths: gatedPaths("mlp"),
      biases: parts.mlpBiases,
      norm: "mlp",
    }),
  ]);
  return {
    name: `model.layers.${index}`,
    linears,
    norms: [
      rmsNorm(config, "attention", "input_layernorm"),
      rmsNorm(config, "mlp", "post_attention_layernorm"),
      ...norms,
    ],
    scaleSets,
    attention: {
      projection: { kind: "latent", queryRank, kvRank, nopeDim, ropeDim, valueDim },
      heads,
      kvHeads: heads,
      headDim,
      scale: parts.scale,
      window: 0,
      rope: { table: "default", interleaved: parts.interleaved },
    },
    mlp: sparse
      ? mixtureLayout(mlp, router, activation)
      : { kind: "gated", activation, fused: false },
  };
}

function rmsNorm(config: ModelConfig, role: string, path: string): NormSpec {
  return { role, path, shape: [config.hiddenSize], kind: "rms", eps: config.normEps };
}
