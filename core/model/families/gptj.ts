/**
 * GPT-J (Wang and Komatsuzaki 2021): one norm for both halves of a block, neighbouring channels of a part of each head
 * turned, a head with a bias.
 *
 * @module
 */

import type { RopeConfig } from "../config.ts";
import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { joinPieces } from "./block_piece.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { separateAttention } from "./separate_attention.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["GPTJForCausalLM"],
  hiddenSize: ["n_embd", "hidden_size"],
  intermediateSize: "n_inner",
  blocks: ["n_layer", "num_hidden_layers"],
  heads: ["n_head", "num_attention_heads"],
  maxPositions: { names: ["n_positions", "max_position_embeddings"], fallback: 2048 },
  normEps: "layer_norm_epsilon",
  activation: { name: "activation_function", fallback: "gelu_new" },
  tied: false,
};

const PATHS = {
  q: "attn.q_proj",
  k: "attn.k_proj",
  v: "attn.v_proj",
  o: "attn.out_proj",
  up: "mlp.fc_in",
  down: "mlp.fc_out",
};

/** The family of `GPTJForCausalLM`. */
export const gptj: Family = {
  name: "gptj",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const read = readDecoderConfig(raw, KEYS);
    const rope = readRotary(new ConfigReader(raw), read.headDim);
    const config = { ...read, rope };
    const { heads, kvHeads, headDim } = config;
    const prefix = tensorPrefix(has, ["transformer.", ""], "wte.weight");
    const shared = { ...config, paths: PATHS, biases: ["up", "down"], norm: "attention" };
    const pieces = joinPieces([separateAttention(shared), plainMlpPiece(shared)]);
    return {
      config,
      ends: {
        embedding: `${prefix}wte.weight`,
        finalNorm: layerNorm(config, "final", `${prefix}ln_f`),
        head: "lm_head.weight",
        headBias: "lm_head.bias",
      },
      ropes: { default: rope },
      block: (index) => ({
        ...pieces,
        name: `${prefix}h.${index}`,
        norms: [layerNorm(config, "attention", "ln_1")],
        attention: {
          projection: { kind: "separate" },
          heads,
          kvHeads,
          headDim,
          scale: 1 / Math.sqrt(headDim),
          window: 0,
          rope: { table: "default", interleaved: true },
        },
        mlp: { kind: "plain", activation: config.activation, scaled: "mlp.act" },
        order: "parallel",
      }),
    };
  },
};

function readRotary(reader: ConfigReader, headDim: number): RopeConfig {
  const none = reader.mentions("rotary_dim") && !reader.has("rotary_dim");
  if (none) reader.fail("rotary_dim", "must say how many channels of a head are rotated");
  const rotated = reader.integer("rotary_dim", { min: 2, max: headDim }, 64);
  if (rotated % 2 !== 0) reader.fail("rotary_dim", "must be even");
  return { theta: 10000, scaling: "default", parameters: {}, rotated };
}
