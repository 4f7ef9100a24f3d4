/**
 * GPT-2 (Radford et al. 2019): learned positions, fused attention, weights stored as [in, out].
 *
 * @module
 */

import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { joinPieces } from "./block_piece.ts";
import { fusedAttention } from "./fused_attention.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["GPT2LMHeadModel"],
  hiddenSize: ["n_embd", "hidden_size"],
  intermediateSize: "n_inner",
  blocks: ["n_layer", "num_hidden_layers"],
  heads: ["n_head", "num_attention_heads"],
  maxPositions: { names: ["n_positions", "max_position_embeddings"], fallback: 1024 },
  normEps: "layer_norm_epsilon",
  activation: { name: "activation_function", fallback: "gelu_new" },
  tied: true,
};

const PATHS = { qkv: "attn.c_attn", o: "attn.c_proj", up: "mlp.c_fc", down: "mlp.c_proj" };
const BIASES = Object.keys(PATHS);

/** The family of `GPT2LMHeadModel`. */
export const gpt2: Family = {
  name: "gpt2",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    const config = readDecoderConfig(raw, KEYS);
    const { heads, kvHeads, headDim } = config;
    if (reader.boolean("add_cross_attention", false)) {
      reader.fail("add_cross_attention", "must be false: there is no other text to attend to");
    }
    const whole = reader.boolean("scale_attn_weights", true) ? 1 / Math.sqrt(headDim) : 1;
    const byBlock = reader.boolean("scale_attn_by_inverse_layer_idx", false);
    const prefix = tensorPrefix(has, ["transformer.", ""], "wte.weight");
    const shared = { ...config, paths: PATHS, biases: BIASES, transposed: true };
    const attention = fusedAttention({ ...shared, order: "kinds", norm: "attention" });
    const pieces = joinPieces([attention, plainMlpPiece({ ...shared, norm: "mlp" })]);
    return {
      config,
      ends: {
        embedding: `${prefix}wte.weight`,
        positions: { name: `${prefix}wpe.weight`, offset: 0, rows: config.maxPositions },
        finalNorm: layerNorm(config, "final", `${prefix}ln_f`),
        head: "lm_head.weight",
      },
      ropes: {},
      block: (index) => ({
        ...pieces,
        name: `${prefix}h.${index}`,
        norms: [layerNorm(config, "attention", "ln_1"), layerNorm(config, "mlp", "ln_2")],
        attention: {
          projection: attention.projection,
          heads,
          kvHeads,
          headDim,
          scale: byBlock ? whole / (index + 1) : whole,
          window: 0,
        },
        mlp: { kind: "plain", activation: config.activation },
      }),
    };
  },
};
