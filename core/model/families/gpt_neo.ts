/**
 * GPT-Neo (Black et al. 2021): GPT-2 with linears of its own for q, k and v, scores that are not scaled, and windows in
 * every other block.
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
import type { Json, JsonObject } from "../../checkpoint/types.ts";

const KEYS: DecoderKeys = {
  architectures: ["GPTNeoForCausalLM"],
  hiddenSize: ["hidden_size"],
  intermediateSize: "intermediate_size",
  blocks: ["num_layers", "num_hidden_layers"],
  heads: ["num_heads", "num_attention_heads"],
  maxPositions: { names: ["max_position_embeddings"], fallback: 2048 },
  normEps: "layer_norm_epsilon",
  activation: { name: "activation_function", fallback: "gelu_new" },
  tied: true,
};

const PATHS = {
  q: "attn.attention.q_proj",
  k: "attn.attention.k_proj",
  v: "attn.attention.v_proj",
  o: "attn.attention.out_proj",
  up: "mlp.c_fc",
  down: "mlp.c_proj",
};

/** The family of `GPTNeoForCausalLM`. */
export const gptNeo: Family = {
  name: "gpt_neo",
  architectures: KEYS.architectures,
  describe(raw, has) {
    const read = readDecoderConfig(raw, KEYS);
    const config = { ...read, windows: readWindows(raw, read.blocks) };
    const { heads, kvHeads, headDim } = config;
    const prefix = tensorPrefix(has, ["transformer.", ""], "wte.weight");
    const shared = { ...config, paths: PATHS, biases: ["o", "up", "down"] };
    const pieces = joinPieces([
      separateAttention({ ...shared, norm: "attention" }),
      plainMlpPiece({ ...shared, norm: "mlp" }),
    ]);
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
          projection: { kind: "separate" },
          heads,
          kvHeads,
          headDim,
          scale: 1,
          window: config.windows[index] ?? 0,
        },
        mlp: { kind: "plain", activation: config.activation },
      }),
    };
  },
};

/** The window of each block, 0 for none: `attention_layers`, or `attention_types` as [[[names], times], ...]. */
function readWindows(raw: JsonObject, blocks: number): number[] {
  const reader = new ConfigReader(raw);
  const window = reader.integer("window_size", { min: 1, max: 2 ** 31 - 1 }, 256);
  const key = reader.has("attention_layers") ? "attention_layers" : "attention_types";
  const types = reader.strings("attention_layers") ??
    expandTypes(raw.attention_types ?? [[["global", "local"], 12]], blocks);
  const known = types?.every((type) => type === "global" || type === "local") ?? false;
  if (types?.length === blocks && known) {
    return types.map((type) => type === "local" ? window : 0);
  }
  return reader.fail(key, `must name one of global and local for each of the ${blocks} blocks`);
}

/** The types of all blocks; undefined where the list is none, or is longer than the model. */
function expandTypes(stored: Json, blocks: number): unknown[] | undefined {
  if (!Array.isArray(stored)) return undefined;
  const types: unknown[] = [];
  for (const item of stored) {
    if (!Array.isArray(item)) return undefined;
    const [names, times] = item as readonly Json[];
    if (!Array.isArray(names) || !Number.isInteger(times)) return undefined;
    for (let i = 0; i < Number(times); i++) {
      types.push(...names);
      if (names.length === 0 || types.length > blocks) return undefined;
    }
  }
  return types;
}
