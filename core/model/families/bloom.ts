/**
 * Bloom (Le Scao et al. 2022): linear biases in place of positions, a norm after the embedding, fused attention.
 *
 * @module
 */

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
  architectures: ["BloomForCausalLM"],
  hiddenSize: ["n_embed", "hidden_size"],
  blocks: ["n_layer", "num_hidden_layers"],
  heads: ["n_head", "num_attention_heads"],
  maxPositions: { names: ["seq_length"], fallback: 2048 },
  normEps: "layer_norm_epsilon",
  activation: { fallback: "gelu_new" },
  tied: true,
};

const PATHS = {
  qkv: "self_attention.query_key_value",
  o: "self_attention.dense",
  up: "mlp.dense_h_to_4h",
  down: "mlp.dense_4h_to_h",
};
const BIASES = Object.keys(PATHS);

/** The family of `BloomForCausalLM`. */
export const bloom: Family = {
  name: "bloom",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const reader = new ConfigReader(raw);
    if (reader.boolean("apply_residual_connection_post_layernorm", false)) {
      reader.fail(
        "apply_residual_connection_post_layernorm",
        "must be false: a stream that is taken after the norms is not done",
      );
    }
    const config = readDecoderConfig(raw, KEYS);
    const { heads, kvHeads, headDim } = config;
    const prefix = tensorPrefix(has, ["transformer.", ""], "word_embeddings.weight");
    const shared = { ...config, paths: PATHS, biases: BIASES };
    const attention = fusedAttention({ ...shared, order: "groups", norm: "attention" });
    const pieces = joinPieces([attention, plainMlpPiece({ ...shared, norm: "mlp" })]);
    const slopes = alibiSlopes(heads);
    return {
      config,
      ends: {
        embedding: `${prefix}word_embeddings.weight`,
        embeddingNorm: layerNorm(config, "embedding", `${prefix}word_embeddings_layernorm`),
        finalNorm: layerNorm(config, "final", `${prefix}ln_f`),
        head: "lm_head.weight",
      },
      ropes: {},
      block: (index) => ({
        ...pieces,
        name: `${prefix}h.${index}`,
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
          slopes,
        },
        mlp: { kind: "plain", activation: config.activation, scaled: "mlp.gelu_impl" },
      }),
    };
  },
};
