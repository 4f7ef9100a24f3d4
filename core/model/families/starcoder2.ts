/**
 * StarCoder2 (Lozhkov et al. 2024): grouped queries, rotary embedding, layer norms, a sliding window in every block.
 *
 * @module
 */

import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { readRope } from "../read_rope.ts";
import { joinPieces } from "./block_piece.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { separateAttention } from "./separate_attention.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["Starcoder2ForCausalLM"],
  hiddenSize: ["hidden_size"],
  intermediateSize: "intermediate_size",
  blocks: ["num_hidden_layers"],
  heads: ["num_attention_heads"],
  maxPositions: { names: ["max_position_embeddings"], fallback: 4096 },
  normEps: "norm_epsilon",
  activation: { name: "hidden_act", fallback: "gelu_pytorch_tanh" },
  tied: true,
};

const PATHS = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
  up: "mlp.c_fc",
  down: "mlp.c_proj",
};

/** The family of `Starcoder2ForCausalLM`. */
export const starcoder2: Family = {
  name: "starcoder2",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    const read = readDecoderConfig(raw, KEYS);
    const { heads, headDim, blocks } = read;
    const kvHeads = reader.integer(
      "num_key_value_heads",
      { min: 1, max: heads },
      Math.min(2, heads),
    );
    if (heads % kvHeads !== 0) {
      reader.fail("num_key_value_heads", `must divide num_attention_heads (${heads})`);
    }
    const rope = readRope(reader, headDim, read.maxPositions);
    const window = reader.integer("sliding_window", { min: 0, max: 2 ** 31 - 1 }, 0);
    const config = { ...read, kvHeads, rope, windows: new Array<number>(blocks).fill(window) };
    const prefix = tensorPrefix(has, ["model.", ""], "embed_tokens.weight");
    const biases = reader.boolean("use_bias", true) ? Object.keys(PATHS) : [];
    const shared = { ...config, paths: PATHS, biases };
    const pieces = joinPieces([
      separateAttention({ ...shared, norm: "attention" }),
      plainMlpPiece({ ...shared, norm: "mlp" }),
    ]);
    return {
      config,
      ends: {
        embedding: `${prefix}embed_tokens.weight`,
        finalNorm: layerNorm(config, "final", `${prefix}norm`),
        head: "lm_head.weight",
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
          projection: { kind: "separate" },
          heads,
          kvHeads,
          headDim,
          scale: 1 / Math.sqrt(headDim),
          window,
          rope: { table: "default", interleaved: false },
        },
        mlp: { kind: "plain", activation: config.activation, scaled: "mlp.act" },
      }),
    };
  },
};
