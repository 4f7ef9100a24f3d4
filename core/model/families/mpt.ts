/**
 * MPT (MosaicML 2023): linear biases in place of positions, fused attention, nothing has a bias.
 *
 * @module
 */

import type { JsonObject } from "../../checkpoint/types.ts";
import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { alibiSlopes } from "./alibi_slopes.ts";
import { joinPieces } from "./block_piece.ts";
import { fusedAttention } from "./fused_attention.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["MptForCausalLM", "MPTForCausalLM"],
  hiddenSize: ["d_model", "hidden_size"],
  blocks: ["n_layers", "num_hidden_layers"],
  heads: ["n_heads", "num_attention_heads"],
  maxPositions: { names: ["max_seq_len"], fallback: 2048 },
  normEps: "layer_norm_epsilon",
  activation: { fallback: "gelu" },
  tied: true,
};

const PATHS = { qkv: "attn.Wqkv", o: "attn.out_proj", up: "ffn.up_proj", down: "ffn.down_proj" };

/** The family of `MptForCausalLM`. */
export const mpt: Family = {
  name: "mpt",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    const read = readDecoderConfig(raw, KEYS);
    const ratio = reader.integer("expansion_ratio", { min: 1, max: 64 }, 4);
    const config = { ...read, intermediateSize: ratio * read.hiddenSize };
    refuseOthers(reader);
    const { heads, kvHeads, headDim } = config;
    const { scale, slopes } = readAttention(raw, heads, headDim);
    const prefix = tensorPrefix(has, ["transformer.", ""], "wte.weight");
    const shared = { ...config, paths: PATHS, biases: [] };
    const attention = fusedAttention({ ...shared, order: "kinds", norm: "attention" });
    const pieces = joinPieces([attention, plainMlpPiece({ ...shared, norm: "mlp" })]);
    return {
      config,
      ends: {
        embedding: `${prefix}wte.weight`,
        finalNorm: layerNorm(config, "final", `${prefix}norm_f`, false),
        head: "lm_head.weight",
      },
      ropes: {},
      block: (index) => ({
        ...pieces,
        name: `${prefix}blocks.${index}`,
        norms: [
          layerNorm(config, "attention", "norm_1", false),
          layerNorm(config, "mlp", "norm_2", false),
        ],
        attention: {
          projection: attention.projection,
          heads,
          kvHeads,
          headDim,
          scale,
          window: 0,
          slopes,
        },
        mlp: { kind: "plain", activation: config.activation, scaled: "ffn.act" },
      }),
    };
  },
};

/** What MPT's own code can do and neither transformers nor Salient does. */
function refuseOthers(reader: ConfigReader): void {
  if (!reader.boolean("no_bias", true)) reader.fail("no_bias", "must be true");
  if (reader.has("logit_scale")) reader.fail("logit_scale", "must be null");
  const norm = reader.string("norm_type", "low_precision_layernorm");
  if (norm !== "low_precision_layernorm" && norm !== "layernorm") {
    reader.fail("norm_type", "must be low_precision_layernorm or layernorm");
  }
}

/** `attn_config`: its scale, and the slopes of its heads. */
function readAttention(
  raw: JsonObject,
  heads: number,
  headDim: number,
): { readonly scale: number; readonly slopes: Float32Array } {
  const reader = new ConfigReader(raw).object("attn_config") ??
    new ConfigReader({}, "attn_config.");
  if (!reader.boolean("alibi", true)) reader.fail("alibi", "must be true");
  if (reader.boolean("qk_ln", false)) reader.fail("qk_ln", "must be false");
  if (reader.boolean("prefix_lm", false)) reader.fail("prefix_lm", "must be false");
  if (reader.has("clip_qkv")) {
    reader.fail("clip_qkv", "must be null: queries, keys and values that are clipped are not done");
  }
  if (reader.string("attn_type", "multihead_attention") !== "multihead_attention") {
    reader.fail("attn_type", "must be multihead_attention");
  }
  const scale = reader.number("softmax_scale", { min: 1e-6, max: 1e6 }, 1 / Math.sqrt(headDim));
  const most = reader.number("alibi_bias_max", { min: 1e-3, max: 1e3 }, 8);
  return { scale, slopes: alibiSlopes(heads, most) };
}
