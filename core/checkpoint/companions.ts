/**
 * The files that travel with a checkpoint's weights.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { openRegularFile, readError } from "./open_regular_file.ts";
import { type CreateFile, OutputFile } from "./output_file.ts";

const NAMES: ReadonlySet<string> = new Set([
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
  "merges.txt",
  "preprocessor_config.json",
  "processor_config.json",
  "sentencepiece.bpe.model",
  "special_tokens_map.json",
  "spiece.model",
  "tekken.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "vocab.json",
  "vocab.txt",
]);
const LEGAL = /^(licen[cs]e|notice|copying|use_policy)(\.(txt|md|pdf))?$/i;

/** Far above any tokenizer; keeps a damaged or hostile directory from filling the disk. */
const MAX_BYTES = 2 ** 30;

/** Whether a file of this name goes along when a checkpoint is written anew. */
export function isCompanion(name: string): boolean {
  return NAMES.has(name) || LEGAL.test(name);
}

/**
 * Copies the tokenizer, template, generation and licence files of one directory into another. Files
 * that the target has already are left as they are.
 *
 * @throws {SalientError} `input` where a file cannot be read, `disk` where it cannot be written.
 */
export async function copyCompanionFiles(
  from: string,
  to: string,
  createFile: CreateFile,
): Promise<void> {
  const names: string[] = [];
  const present = new Set<string>();
  try {
    for await (const entry of Deno.readDir(from)) {
      if (isCompanion(entry.name) && !entry.isDirectory) names.push(entry.name);
    }
    for await (const entry of Deno.readDir(to)) present.add(entry.name);
  } catch (cause) {
    throw readError(from, cause);
  }
  for (const name of names.sort()) {
    if (!present.has(name)) await copyFile(name, from, to, createFile);
  }
}

async function copyFile(
  name: string,
  directory: string,
  target: string,
  createFile: CreateFile,
): Promise<void> {
  const from = `${directory}/${name}`;
  using source = await openRegularFile(from, directory);
  if (source.byteLength > MAX_BYTES) {
    throw new SalientError(
      "input",
      `${from} has ${source.byteLength} bytes, too many for such a file: check it or remove it`,
      { file: from },
    );
  }
  using copy = await OutputFile.create(`${target}/${name}`, createFile);
  const buffer = new Uint8Array(2 ** 16);
  let offset = 0;
  while (true) {
    const count = await source.handle.read(buffer).catch((cause) => {
      throw readError(from, cause);
    });
    if (count === null) break;
    await copy.write(buffer.subarray(0, count), offset);
    offset += count;
  }
  await copy.finish();
}
