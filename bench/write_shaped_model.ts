/**
 * Writes a model of seeded weights as a checkpoint, and stands in for its tokenizer.
 *
 * @module
 */

import { createCheckpointWriter, type Tokenizer } from "../mod.ts";
import {
  makePool,
  type ModelShape,
  ringPieces,
  shapedConfig,
  shapedTensors,
} from "./shaped_model.ts";

/** Bytes handed to the writer at a time. */
const PIECE = 2 ** 22;

/** Writes the model as bf16 safetensors, in files of at most `shardBytes`. */
export async function writeShapedModel(
  directory: string,
  shape: ModelShape,
  shardBytes = 5e9,
): Promise<void> {
  const pool = Uint16Array.from(new Uint32Array(makePool().buffer), (word) => word >>> 16);
  const bytes = new Uint8Array(pool.buffer);
  await using writer = await createCheckpointWriter(directory, { shardBytes });
  for (const { name, shape: sizes, offset } of shapedTensors(shape)) {
    const length = sizes.reduce((product, size) => product * size, 1);
    const data = sizes.length === 1
      ? new Uint8Array(new Uint16Array(length).fill(0x3f80).buffer)
      : ringPieces(bytes, offset * 2, length * 2, PIECE);
    await writer.add(name, "BF16", sizes, data);
  }
  await writer.json("config.json", shapedConfig(shape));
  await writer.commit();
}

/** Tokens with no text: what `generate` needs of a tokenizer to go on from some ids. */
export function idsAsTokenizer(ids: Int32Array, vocabulary: number): Tokenizer {
  return {
    vocabSize: vocabulary,
    encode: () => ids,
    decode: () => "",
    formatChat: () => "",
    checkVocabulary: () => {},
  };
}
