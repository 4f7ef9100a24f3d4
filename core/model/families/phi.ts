/**
 * Phi-1, 1.5 and 2 (Gunasekar et al. 2023): one norm for both halves of a block, rotary embedding of a part of each
 * head, biases everywhere, that of the head included.
 *
 * @module
 */

import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import type { NormSpec } from "../layout.ts";
import { readRope } from "../read_rope.ts";
import { joinPieces } from "./block_piece.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { separateAttention } from "./separate_attention.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["PhiForCausalLM"],
  hiddenSize: ["hidden_size"],
  intermediateSize: "intermediate_size",
  blocks: ["num_hidden_layers"],
  heads: ["num_attention_heads"],
  maxPositions: { names: ["max_position_embeddings"], fallback: 2048 },
  normEps: "layer_norm_eps",
  activation: { name: "hidden_act", fallback: "gelu_new" },
  tied: false,
};

const PATHS = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.dense",
  up: "mlp.fc1",
  down: "mlp.fc2",
};

/** The family of `PhiForCausalLM`. */
export const phi: Family = {
  name: "phi",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    const read = readDecoderConfig(raw, KEYS);
    const { heads, headDim } = read;
    const kvHeads = reader.integer("num_key_value_heads", { min: 1, max: heads }, heads);
    if (heads % kvHeads !== 0) {
      reader.fail("num_key_value_heads", `must divide num_attention_heads (${heads})`);
    }
    const rope = readRope(reader, headDim, read.maxPositions, {
      partial: { key: "partial_rotary_factor", fallback: 0.5 },
    });
    const config = { ...read, kvHeads, rope };
    const prefix = tensorPrefix(has, ["model.", ""], "embed_tokens.weight");
    const shared = { ...config, paths: PATHS, biases: Object.keys(PATHS), norm: "attention" };
    const pieces = joinPieces([separateAttention(shared), plainMlpPiece(shared)]);
    const headNorms = reader.boolean("qk_layernorm", false)
      ? ["q", "k"].map((role): NormSpec => ({
        ...layerNorm(config, role, `self_attn.${role}_layernorm`),
        shape: [headDim],
      }))
      : [];
    return {
      config,
      ends: {
        embedding: `${prefix}embed_tokens.weight`,
        finalNorm: layerNorm(config, "final", `${prefix}final_layernorm`),
        head: "lm_head.weight",
        headBias: "lm_head.bias",
      },
      ropes: { default: rope },
      block: (index) => ({
        ...pieces,
        name: `${prefix}layers.${index}`,
        norms: [layerNorm(config, "attention", "input_layernorm"), ...headNorms],
        attention: {
          projection: { kind: "separate" },
          heads,
          kvHeads,
          headDim,
          scale: 1 / Math.sqrt(headDim),
          window: 0,
          rope: { table: "default", interleaved: false },
        },
        mlp: { kind: "plain", activation: config.activation },
        order: "parallel",
      }),
    };
  },
};
