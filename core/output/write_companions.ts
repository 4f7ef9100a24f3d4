/**
 * The files beside a checkpoint's weights.
 *
 * @module
 */

import type { CheckpointWriter } from "../checkpoint/types.ts";
import { readTokenizerFiles } from "../gguf/read_tokenizer_files.ts";

/** Copies tokenizer, template and licence files from a model's directory, or makes the tokenizer's out of a GGUF file. */
export async function writeCompanions(writer: CheckpointWriter, directory: string): Promise<void> {
  if (!directory.endsWith(".gguf")) return await writer.copyCompanions(directory);
  const files = await readTokenizerFiles(directory);
  if (files === undefined) return;
  await writer.json("tokenizer.json", files.definition);
  await writer.json("tokenizer_config.json", files.config);
}
