/**
 * Reads the files of a tokenizer.
 *
 * @module
 */

import { readJsonObject } from "../checkpoint/read_json.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { findChatTemplate } from "../tokenizer/chat_template.ts";
import { readGguf } from "./read_gguf.ts";
import { tokenizerFilesOf } from "./tokenizer_files_of.ts";
import type { TokenizerFiles } from "./tokenizer_metadata.ts";

const MOST_BYTES = 256 * 2 ** 20;

/** The tokenizer's files in a directory, or of a GGUF file; undefined where there is no `tokenizer.json`. */
export async function readTokenizerFiles(directory: string): Promise<TokenizerFiles | undefined> {
  if (directory.endsWith(".gguf")) {
    return tokenizerFilesOf(directory, (await readGguf(directory)).metadata);
  }
  const definition = await readOptional(directory, "tokenizer.json");
  if (definition === undefined) return undefined;
  const config = await readOptional(directory, "tokenizer_config.json") ?? {};
  const template = await findChatTemplate(directory, config);
  return { definition, config, chatTemplate: template?.source };
}

async function readOptional(directory: string, name: string): Promise<JsonObject | undefined> {
  try {
    return await readJsonObject(`${directory}/${name}`, { bytes: MOST_BYTES, within: directory });
  } catch (cause) {
    if (cause instanceof SalientError && cause.cause instanceof Deno.errors.NotFound) {
      return undefined;
    }
    throw cause;
  }
}
