/**
 * OPT (Zhang et al. 2022): learned positions, layer norms before or after each half, relu.
 *
 * @module
 */

import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { joinPieces } from "./block_piece.ts";
import { layerNorm } from "./layer_norm.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";
import { type DecoderKeys, readDecoderConfig } from "./read_decoder_config.ts";
import { separateAttention } from "./separate_attention.ts";
import { tensorPrefix } from "./tensor_prefix.ts";

const KEYS: DecoderKeys = {
  architectures: ["OPTForCausalLM"],
  hiddenSize: ["hidden_size"],
  intermediateSize: "ffn_dim",
  blocks: ["num_hidden_layers"],
  heads: ["num_attention_heads"],
  maxPositions: { names: ["max_position_embeddings"], fallback: 2048 },
  activation: { name: "activation_function", fallback: "relu" },
  tied: true,
};

const PATHS = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.out_proj",
  up: "fc1",
  down: "fc2",
};

/** Rows of the table of positions before that of the first token. */
const OFFSET = 2;

/** The family of `OPTForCausalLM`. Up -> down folds, since relu lets factors through. */
export const opt: Family = {
  name: "opt",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    const config = readDecoderConfig(raw, KEYS);
    const { heads, kvHeads, headDim, hiddenSize } = config;
    if (!reader.boolean("layer_norm_elementwise_affine", true)) {
      reader.fail(
        "layer_norm_elementwise_affine",
        "must be true: norms without weights are not done",
      );
    }
    const prefix = tensorPrefix(has, ["model.decoder.", "decoder."], "embed_tokens.weight");
    const before = reader.boolean("do_layer_norm_before", true);
    const final = before && !reader.boolean("_remove_final_layer_norm", false);
    const width = { min: 1, max: 2 ** 20 };
    const embeddingSize = reader.integer("word_embed_proj_dim", width, hiddenSize);
    const biases = reader.boolean("enable_bias", true) ? Object.keys(PATHS) : [];
    // Where norms come after, the halves read the stream itself, which no factors can be moved out of.
    const pieces = joinPieces([
      separateAttention({
        ...config,
        paths: PATHS,
        biases,
        norm: before ? "attention" : undefined,
      }),
      plainMlpPiece({ ...config, paths: PATHS, biases, norm: before ? "mlp" : undefined }),
    ]);
    return {
      config,
      ends: {
        embedding: `${prefix}embed_tokens.weight`,
        positions: {
          name: `${prefix}embed_positions.weight`,
          offset: OFFSET,
          rows: config.maxPositions + OFFSET,
        },
        ...(embeddingSize === hiddenSize ? {} : {
          embeddingSize,
          projectIn: `${prefix}project_in.weight`,
          projectOut: `${prefix}project_out.weight`,
        }),
        ...(final ? { finalNorm: layerNorm(config, "final", `${prefix}final_layer_norm`) } : {}),
        head: "lm_head.weight",
      },
      ropes: {},
      block: (index) => ({
        ...pieces,
        name: `${prefix}layers.${index}`,
        norms: [
          layerNorm(config, "attention", "self_attn_layer_norm"),
          layerNorm(config, "mlp", "final_layer_norm"),
        ],
        attention: {
          projection: { kind: "separate" },
          heads,
          kvHeads,
          headDim,
          scale: 1 / Math.sqrt(headDim),
          window: 0,
        },
        mlp: { kind: "plain", activation: config.activation },
        order: before ? "sequential" : "after",
      }),
    };
  },
};
