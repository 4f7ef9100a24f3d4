/**
 * Reads the sizes of decoders whose `config.json` has names of its own.
 *
 * @module
 */

import type { JsonObject } from "../../checkpoint/types.ts";
import type { ModelConfig } from "../config.ts";
import { ConfigReader, type NumberRange } from "../config_reader.ts";
import { readActivation } from "../read_activation.ts";

/** Names of one key, the preferred one first: transformers takes the newer ones in every file. */
export type KeyNames = readonly [string, ...string[]];

/** Where a family keeps its sizes, and what stands for those that are absent. */
export interface DecoderKeys {
  /** Values of `architectures`. */
  readonly architectures: KeyNames;
  /** Width of the residual stream. */
  readonly hiddenSize: KeyNames;
  /** Width inside the MLP: four times the stream's where it is absent, null or has no key. */
  readonly intermediateSize?: string;
  /** Number of blocks. */
  readonly blocks: KeyNames;
  /** Query heads. */
  readonly heads: KeyNames;
  /** Longest sequence. */
  readonly maxPositions: { readonly names: KeyNames; readonly fallback: number };
  /** Added to the variance in a norm: 1e-5 where it is absent or has no key. */
  readonly normEps?: string;
  /** Function inside the MLP: the fallback where it is absent or has no key. */
  readonly activation: { readonly name?: string; readonly fallback: string };
  /** Whether the head is the embedding where `tie_word_embeddings` is absent. */
  readonly tied: boolean;
}

const WIDTH: NumberRange = { min: 1, max: 2 ** 20 };
const LENGTH: NumberRange = { min: 1, max: 2 ** 31 - 1 };
const EPSILON: NumberRange = { min: 0, max: 1 };
const TOKEN: NumberRange = { min: 0, max: 2 ** 31 - 1 };

/**
 * Sizes and switches, each checked. As many key heads as query heads, no windows and no rotary embedding: a family
 * that has others puts them in.
 */
export function readDecoderConfig(raw: JsonObject, keys: DecoderKeys): ModelConfig {
  const reader = new ConfigReader(raw);
  const hiddenSize = reader.integer(pick(reader, keys.hiddenSize), WIDTH);
  const headsKey = pick(reader, keys.heads);
  const heads = reader.integer(headsKey, WIDTH);
  if (hiddenSize % heads !== 0) reader.fail(headsKey, `must divide the width (${hiddenSize})`);
  const blocks = reader.integer(pick(reader, keys.blocks), { min: 1, max: 2 ** 16 });
  const { maxPositions, activation } = keys;
  return {
    architecture:
      reader.strings("architectures")?.find((name) => keys.architectures.includes(name)) ??
        keys.architectures[0],
    vocabSize: reader.integer("vocab_size", { min: 1, max: 2 ** 24 }),
    hiddenSize,
    intermediateSize: keys.intermediateSize === undefined
      ? 4 * hiddenSize
      : reader.integer(keys.intermediateSize, WIDTH, 4 * hiddenSize),
    blocks,
    heads,
    kvHeads: heads,
    headDim: hiddenSize / heads,
    normEps: keys.normEps === undefined ? 1e-5 : reader.number(keys.normEps, EPSILON, 1e-5),
    activation: activation.name === undefined
      ? readActivation(new ConfigReader({}), "", activation.fallback)
      : readActivation(reader, activation.name, activation.fallback),
    tiedEmbeddings: reader.boolean("tie_word_embeddings", keys.tied),
    maxPositions: reader.integer(
      pick(reader, maxPositions.names),
      LENGTH,
      maxPositions.fallback,
    ),
    windows: new Array<number>(blocks).fill(0),
    rope: undefined,
    bosId: reader.integers("bos_token_id", TOKEN)[0],
    eosIds: reader.integers("eos_token_id", TOKEN),
  };
}

/** The first of the names that the file has; the first of all if it has none. */
function pick(reader: ConfigReader, names: KeyNames): string {
  return names.find((name) => reader.has(name)) ?? names[0];
}
