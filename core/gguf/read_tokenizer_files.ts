/**
 * Reads the files of a tokenizer.
 *
 * @module
 */

import { findChatTemplate } from "../tokenizer/chat_template.ts";
import { findDefinition } from "../tokenizer/find_definition.ts";
import { readGguf } from "./read_gguf.ts";
import { tokenizerFilesOf } from "./tokenizer_files_of.ts";
import type { TokenizerFiles } from "./tokenizer_metadata.ts";

/** The tokenizer's files in a directory, or of a GGUF file; undefined where there is none that is read. */
export async function readTokenizerFiles(directory: string): Promise<TokenizerFiles | undefined> {
  if (directory.endsWith(".gguf")) {
    return tokenizerFilesOf(directory, (await readGguf(directory)).metadata);
  }
  const found = await findDefinition(directory);
  if (found === undefined) return undefined;
  const template = await findChatTemplate(directory, found.config);
  return { definition: found.definition, config: found.config, chatTemplate: template?.source };
}
