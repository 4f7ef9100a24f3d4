/**
 * Reads the `config.json` of Llama and its relatives.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { ModelConfig, RopeConfig } from "./config.ts";
import { ConfigReader, type NumberRange } from "./config_reader.ts";
import type { LlamaLike } from "./families/llama_like.ts";
import { readActivation } from "./read_activation.ts";
import { readRope } from "./read_rope.ts";

/** The sizes of a model that has rotary embedding. */
export type LlamaConfig = ModelConfig & { readonly rope: RopeConfig };

const WIDTH: NumberRange = { min: 1, max: 2 ** 20 };
const LENGTH: NumberRange = { min: 1, max: 2 ** 31 - 1 };
const TOKEN: NumberRange = { min: 0, max: 2 ** 31 - 1 };
const INDEX: NumberRange = { min: 0, max: 2 ** 16 };

/** Sizes and switches, each checked; what is absent gets the value that transformers assumes. */
export function readLlamaConfig(raw: JsonObject, family: LlamaLike): LlamaConfig {
  const reader = new ConfigReader(raw);
  const hiddenSize = reader.integer("hidden_size", WIDTH);
  const heads = reader.integer("num_attention_heads", WIDTH);
  const kvHeads = reader.integer("num_key_value_heads", WIDTH, heads);
  if (heads % kvHeads !== 0) {
    reader.fail("num_key_value_heads", `must divide num_attention_heads (${heads})`);
  }
  const headDim = readHeadDim(reader, hiddenSize, heads);
  const blocks = reader.integer("num_hidden_layers", { min: 1, max: 2 ** 16 });
  const maxPositions = reader.integer("max_position_embeddings", LENGTH, family.maxPositions);
  return {
    architecture:
      reader.strings("architectures")?.find((name) => family.architectures.includes(name)) ??
        family.architectures[0]!,
    vocabSize: reader.integer("vocab_size", { min: 1, max: 2 ** 24 }),
    hiddenSize,
    intermediateSize: reader.integer("intermediate_size", WIDTH),
    blocks,
    heads,
    kvHeads,
    headDim,
    normEps: reader.number("rms_norm_eps", { min: 0, max: 1 }, 1e-6),
    activation: readActivation(reader, "hidden_act", "silu"),
    tiedEmbeddings: reader.boolean("tie_word_embeddings", false),
    maxPositions,
    windows: readWindows(reader, family, blocks),
    rope: readRope(reader, headDim, maxPositions),
    bosId: reader.integers("bos_token_id", TOKEN)[0],
    eosIds: reader.integers("eos_token_id", TOKEN),
  };
}

function readHeadDim(reader: ConfigReader, hiddenSize: number, heads: number): number {
  if (!reader.has("head_dim") && hiddenSize % heads !== 0) {
    reader.fail("num_attention_heads", `must divide hidden_size (${hiddenSize})`);
  }
  const headDim = reader.integer("head_dim", { min: 2, max: 2 ** 14 }, hiddenSize / heads);
  if (headDim % 2 !== 0) {
    const key = reader.has("head_dim") ? "head_dim" : "num_attention_heads";
    reader.fail(key, `must make heads of an even size but makes them ${headDim} wide`);
  }
  return headDim;
}

/** The window of each block; 0 for none. */
function readWindows(reader: ConfigReader, family: LlamaLike, blocks: number): number[] {
  const none = new Array<number>(blocks).fill(0);
  if (family.windows === "none") return none;
  if (family.windows === "all") {
    const off = reader.mentions("sliding_window") && !reader.has("sliding_window");
    return off ? none : none.fill(reader.integer("sliding_window", LENGTH, 4096));
  }
  const used = reader.boolean("use_sliding_window", false);
  const window = used && !(reader.mentions("sliding_window") && !reader.has("sliding_window"))
    ? reader.integer("sliding_window", LENGTH, 4096)
    : 0;
  const types = reader.strings("layer_types");
  if (types === undefined) {
    const first = reader.integer("max_window_layers", INDEX, 28);
    return none.map((_, block) => block >= first ? window : 0);
  }
  if (types.length !== blocks) {
    reader.fail("layer_types", `must have one entry for each of the ${blocks} blocks`);
  }
  return types.map((type) => {
    if (type === "full_attention") return 0;
    if (type !== "sliding_attention") {
      reader.fail("layer_types", "must hold only full_attention and sliding_attention");
    }
    if (window === 0) {
      reader.fail("layer_types", "must hold only full_attention where no sliding window is used");
    }
    return window;
  });
}
