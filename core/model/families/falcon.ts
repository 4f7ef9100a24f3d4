/**
 * Falcon (Almazrouei et al. 2023): the 7B, 40B, 11B and RefinedWeb models, which differ in how their heads share keys,
 * in their norms and in how they know positions.
 *
 * @module
 */

import type { ModelConfig, RopeConfig } from "../config.ts";
import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import type { NormSpec } from "../layout.ts";
import { readRope } from "../read_rope.ts";
import { alibiSlopes } from "./alibi_slopes.ts";
import { joinPieces } from "./block_piece.ts";
import { fusedAttention } from "./fused_attention.ts";
import type { FusedOrder } from "./fused_columns.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["FalconForCausalLM"],
  hiddenSize: ["n_embed", "hidden_size"],
  intermediateSize: "ffn_hidden_size",
  blocks: ["num_hidden_layers", "n_layer"],
  heads: ["num_attention_heads", "n_head"],
  maxPositions: { names: ["max_position_embeddings"], fallback: 2048 },
  normEps: "layer_norm_epsilon",
  activation: { name: "activation", fallback: "gelu" },
  tied: true,
};

const PATHS = {
  qkv: "self_attention.query_key_value",
  o: "self_attention.dense",
  up: "mlp.dense_h_to_4h",
  down: "mlp.dense_4h_to_h",
};

/** The family of `FalconForCausalLM`. */
export const falcon: Family = {
  name: "falcon",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    const read = readDecoderConfig(raw, KEYS);
    const { heads, headDim } = read;
    const { kvHeads, order } = readHeads(reader, heads);
    const shape = readShape(reader);
    const alibi = reader.boolean("alibi", false);
    const rope = alibi ? undefined : readRope(reader, headDim, read.maxPositions);
    const config: ModelConfig = { ...read, kvHeads, rope };
    const prefix = tensorPrefix(has, ["transformer.", ""], "word_embeddings.weight");
    const biases = reader.boolean("bias", false) ? Object.keys(PATHS) : [];
    const shared = { ...config, paths: PATHS, biases };
    const norms = normsOf(config, shape);
    const attention = fusedAttention({ ...shared, order, norm: "attention" });
    const pieces = joinPieces([
      attention,
      plainMlpPiece({ ...shared, norm: shape === "one norm" ? "attention" : "mlp" }),
    ]);
    const scale = 1 / Math.sqrt(headDim);
    const ropes: Record<string, RopeConfig> = rope === undefined ? {} : { default: rope };
    // The biases are added before the scores are scaled.
    const positions = rope === undefined
      ? { slopes: alibiSlopes(heads).map((slope) => slope * scale) }
      : { rope: { table: "default", interleaved: false } };
    return {
      config,
      ends: {
        embedding: `${prefix}word_embeddings.weight`,
        finalNorm: layerNorm(config, "final", `${prefix}ln_f`),
        head: "lm_head.weight",
      },
      ropes,
      block: (index) => ({
        ...pieces,
        name: `${prefix}h.${index}`,
        norms,
        attention: {
          projection: attention.projection,
          heads,
          kvHeads,
          headDim,
          scale,
          window: 0,
          ...positions,
        },
        mlp: { kind: "plain", activation: config.activation, scaled: "mlp.act" },
        order: shape === "sequential" ? "sequential" : "parallel",
      }),
    };
  },
};

/** How the halves of a block stand to each other. */
type Shape = "sequential" | "one norm" | "two norms";

function readShape(reader: ConfigReader): Shape {
  const grouped = reader.boolean("new_decoder_architecture", false);
  const parallel = reader.boolean("parallel_attn", true);
  const norms = reader.integer("num_ln_in_parallel_attn", { min: 1, max: 2 }, grouped ? 2 : 1);
  if (grouped && !parallel) {
    reader.fail("parallel_attn", "must be true where new_decoder_architecture is");
  }
  if (!grouped && norms === 2) {
    reader.fail("num_ln_in_parallel_attn", "must be 1 where new_decoder_architecture is false");
  }
  if (!parallel) return "sequential";
  return norms === 2 ? "two norms" : "one norm";
}

function readHeads(
  reader: ConfigReader,
  heads: number,
): { readonly kvHeads: number; readonly order: FusedOrder } {
  if (!reader.boolean("new_decoder_architecture", false)) {
    if (reader.boolean("multi_query", true)) return { kvHeads: 1, order: "kinds" };
    return { kvHeads: heads, order: "groups" };
  }
  const key = reader.has("num_kv_heads") ? "num_kv_heads" : "n_head_kv";
  const kvHeads = reader.integer(key, { min: 1, max: heads }, heads);
  if (heads % kvHeads !== 0) reader.fail(key, `must divide the heads (${heads})`);
  return { kvHeads, order: "groups" };
}

function normsOf(config: ModelConfig, shape: Shape): readonly NormSpec[] {
  switch (shape) {
    case "one norm":
      return [layerNorm(config, "attention", "input_layernorm")];
    case "two norms":
      return [layerNorm(config, "attention", "ln_attn"), layerNorm(config, "mlp", "ln_mlp")];
    case "sequential":
      return [
        layerNorm(config, "attention", "input_layernorm"),
        layerNorm(config, "mlp", "post_attention_layernorm"),
      ];
  }
}
