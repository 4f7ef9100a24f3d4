/**
 * GPTBigCode (Allal et al. 2023), StarCoder: GPT-2 whose heads share one key and one value.
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
  architectures: ["GPTBigCodeForCausalLM"],
  hiddenSize: ["n_embd", "hidden_size"],
  intermediateSize: "n_inner",
  blocks: ["n_layer", "num_hidden_layers"],
  heads: ["n_head", "num_attention_heads"],
  maxPositions: { names: ["n_positions", "max_position_embeddings"], fallback: 1024 },
  normEps: "layer_norm_epsilon",
  activation: { name: "activation_function", fallback: "gelu_pytorch_tanh" },
  tied: true,
};

const PATHS = { qkv: "attn.c_attn", o: "attn.c_proj", up: "mlp.c_fc", down: "mlp.c_proj" };
const BIASES = Object.keys(PATHS);

/** The family of `GPTBigCodeForCausalLM`. */
export const gptBigCode: Family = {
  name: "gpt_bigcode",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    if (reader.boolean("add_cross_attention", false)) {
      reader.fail("add_cross_attention", "must be false: there is no other text to attend to");
    }
    const read = readDecoderConfig(raw, KEYS);
    const shared = reader.boolean("multi_query", true);
    const config = { ...read, kvHeads: shared ? 1 : read.heads };
    const { heads, kvHeads, headDim } = config;
    const prefix = tensorPrefix(has, ["transformer.", ""], "wte.weight");
    const parts = { ...config, paths: PATHS, biases: BIASES };
    const order = shared ? "kinds" : "groups";
    const attention = fusedAttention({ ...parts, order, norm: "attention" });
    const pieces = joinPieces([attention, plainMlpPiece({ ...parts, norm: "mlp" })]);
    const scale = reader.boolean("scale_attn_weights", true) ? 1 / Math.sqrt(headDim) : 1;
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
          scale,
          window: 0,
        },
        mlp: { kind: "plain", activation: config.activation, scaled: "mlp.act" },
      }),
    };
  },
};
