/**
 * GPT-NeoX (Black et al. 2022) and Pythia: fused attention, rotary embedding of a part of each head, both halves of a
 * block side by side.
 *
 * @module
 */

import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { readRope } from "../read_rope.ts";
import { joinPieces } from "./block_piece.ts";
import { fusedAttention } from "./fused_attention.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["GPTNeoXForCausalLM"],
  hiddenSize: ["hidden_size"],
  intermediateSize: "intermediate_size",
  blocks: ["num_hidden_layers"],
  heads: ["num_attention_heads"],
  maxPositions: { names: ["max_position_embeddings"], fallback: 2048 },
  normEps: "layer_norm_eps",
  activation: { name: "hidden_act", fallback: "gelu" },
  tied: false,
};

const PATHS = {
  qkv: "attention.query_key_value",
  o: "attention.dense",
  up: "mlp.dense_h_to_4h",
  down: "mlp.dense_4h_to_h",
};

/** The family of `GPTNeoXForCausalLM`. */
export const gptNeox: Family = {
  name: "gpt_neox",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    const read = readDecoderConfig(raw, KEYS);
    const rope = readRope(reader, read.headDim, read.maxPositions, {
      theta: "rotary_emb_base",
      partial: { key: "rotary_pct", fallback: 0.25 },
    });
    const config = { ...read, rope };
    const { heads, kvHeads, headDim } = config;
    const prefix = tensorPrefix(has, ["gpt_neox.", ""], "embed_in.weight");
    const biased = reader.boolean("attention_bias", true) ? ["qkv", "o"] : [];
    const shared = { ...config, paths: PATHS, biases: [...biased, "up", "down"] };
    const attention = fusedAttention({ ...shared, order: "groups", norm: "attention" });
    const pieces = joinPieces([attention, plainMlpPiece({ ...shared, norm: "mlp" })]);
    const order = reader.boolean("use_parallel_residual", true) ? "parallel" : "sequential";
    return {
      config,
      ends: {
        embedding: `${prefix}embed_in.weight`,
        finalNorm: layerNorm(config, "final", `${prefix}final_layer_norm`),
        head: tensorPrefix(has, ["embed_out.", "lm_head."], "weight") + "weight",
      },
      ropes: { default: rope },
      block: (index) => ({
        ...pieces,
        name: `${prefix}layers.${index}`,
        norms: [
          layerNorm(config, "attention", "input_layernorm"),
          layerNorm(config, "mlp", "post_attention_layernorm"),
        ],
        attention: {
          projection: attention.projection,
          heads,
          kvHeads,
          headDim,
          scale: 1 / Math.sqrt(headDim),
          window: 0,
          rope: { table: "default", interleaved: false },
        },
        mlp: { kind: "plain", activation: config.activation, scaled: "mlp.act" },
        order,
      }),
    };
  },
};
