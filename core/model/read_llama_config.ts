/**
 * Reads the `config.json` of Llama and its relatives.
 *
 * @module
 */

import type { ModelConfig, RopeConfig } from "./config.ts";
import type { ConfigReader, NumberRange } from "./config_reader.ts";
import { LLAMA_KEYS, type LlamaLike } from "./families/llama_like_description.ts";
import { readActivation } from "./read_activation.ts";

/** The sizes of a model that has rotary embedding. */
export type LlamaConfig = ModelConfig & { readonly rope: RopeConfig };

const WIDTH: NumberRange = { min: 1, max: 2 ** 20 };
const LENGTH: NumberRange = { min: 1, max: 2 ** 31 - 1 };
const TOKEN: NumberRange = { min: 0, max: 2 ** 31 - 1 };

/** Sizes and switches, each checked, without windows and rotary embedding; what is absent gets the value that Llama assumes. */
export function readLlamaConfig(
  reader: ConfigReader,
  family: Pick<LlamaLike, "architectures" | "keys" | "activations">,
): Omit<ModelConfig, "windows" | "rope"> {
  const keys = { ...LLAMA_KEYS, ...family.keys };
  const hiddenSize = reader.integer(keys.hiddenSize, WIDTH);
  const heads = reader.integer(keys.heads, WIDTH);
  const kvHeads = reader.integer(keys.kvHeads, WIDTH, heads);
  if (heads % kvHeads !== 0) reader.fail(keys.kvHeads, `must divide ${keys.heads} (${heads})`);
  const maxPositions = reader.integer(keys.maxPositions, LENGTH, 2048);
  return {
    architecture:
      reader.strings("architectures")?.find((name) => family.architectures.includes(name)) ??
        family.architectures[0]!,
    vocabSize: reader.integer(keys.vocabSize, { min: 1, max: 2 ** 24 }),
    hiddenSize,
    intermediateSize: reader.integer(keys.intermediateSize, WIDTH),
    blocks: reader.integer(keys.blocks, { min: 1, max: 2 ** 16 }),
    heads,
    kvHeads,
    headDim: readHeadDim(reader, keys, hiddenSize, heads),
    normEps: reader.number(keys.normEps, { min: 0, max: 1 }, 1e-6),
    activation: readActivation(reader, keys.activation, "silu", family.activations),
    tiedEmbeddings: reader.boolean(keys.tiedEmbeddings, false),
    maxPositions,
    bosId: reader.integers("bos_token_id", TOKEN)[0],
    eosIds: reader.integers("eos_token_id", TOKEN),
  };
}

function readHeadDim(
  reader: ConfigReader,
  keys: Record<"headDim" | "heads" | "hiddenSize", string>,
  hiddenSize: number,
  heads: number,
): number {
  if (!reader.has(keys.headDim) && hiddenSize % heads !== 0) {
    reader.fail(keys.heads, `must divide ${keys.hiddenSize} (${hiddenSize})`);
  }
  const headDim = reader.integer(keys.headDim, { min: 2, max: 2 ** 14 }, hiddenSize / heads);
  if (headDim % 2 !== 0) {
    const key = reader.has(keys.headDim) ? keys.headDim : keys.heads;
    reader.fail(key, `must make heads of an even size but makes them ${headDim} wide`);
  }
  return headDim;
}
