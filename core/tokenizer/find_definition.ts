/**
 * The files of a tokenizer, whichever a directory has.
 *
 * @module
 */

import { openRegularFile } from "../checkpoint/open_regular_file.ts";
import { readFully, readJsonObject } from "../checkpoint/read_json.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { readTextFile } from "../text_file.ts";
import { mergesDefinition } from "./merges_definition.ts";
import { NamedTokens } from "./named_tokens.ts";
import { sentencePieceDefinition } from "./sentence_piece_definition.ts";
import { readSentencePieceModel, type SentencePieceModel } from "./sentence_piece_model.ts";

/** The tokenizer.json of models with 256,000 tokens has about 35 MB. */
const MOST_BYTES = 256 * 2 ** 20;

/** A tokenizer.model has 5 MB for 256,000 tokens; a vocab.json or a merges.txt less than that. */
const MOST_MODEL_BYTES = 16 * 2 ** 20;

/** Files that are known but not read, and what they are. */
const OTHERS: Readonly<Record<string, string>> = {
  "tekken.json": "a tiktoken vocabulary of Mistral's",
  "spiece.model": "a SentencePiece model whose ids a class of transformers moves",
  "sentencepiece.bpe.model": "a SentencePiece model whose ids a class of transformers moves",
  "vocab.txt": "a vocabulary of word pieces",
};

/** A tokenizer's definition and where it is from. */
export interface FoundDefinition {
  /** As `tokenizer.json` has it. */
  readonly definition: JsonObject;
  /** The `tokenizer_config.json`; without it, the special tokens that other files name. */
  readonly config: JsonObject;
  /** The file that has the vocabulary. */
  readonly file: string;
}

/**
 * Reads `tokenizer.json`, else `tokenizer.model` of SentencePiece, else `vocab.json` with `merges.txt`.
 *
 * @returns The definition, or undefined where the directory has none of them.
 * @throws {SalientError} `input`, naming the file, where one is damaged or of an unknown kind.
 */
export async function findDefinition(directory: string): Promise<FoundDefinition | undefined> {
  const config = await readObject(directory, "tokenizer_config.json") ?? {};
  const file = `${directory}/tokenizer.json`;
  const definition = await readObject(directory, "tokenizer.json", MOST_BYTES);
  if (definition !== undefined) return { definition, config, file };
  const names = await readObject(directory, "special_tokens_map.json") ?? {};
  const added = await readObject(directory, "added_tokens.json") ?? {};
  const known = { ...names, ...config };
  const made = await fromModel(directory, known, added) ??
    await fromMerges(directory, known, added);
  return made === undefined ? undefined : { ...made, config: { ...made.config, ...known } };
}

/** What else a directory without a tokenizer that is read has of one; undefined for nothing. */
export async function otherTokenizerFile(directory: string): Promise<string | undefined> {
  for (const [name, kind] of Object.entries(OTHERS)) {
    try {
      if ((await Deno.stat(`${directory}/${name}`)).isFile) return `${name} (${kind})`;
    } catch { /* It is not there, or may not be seen. */ }
  }
  return undefined;
}

async function fromModel(
  directory: string,
  config: JsonObject,
  added: JsonObject,
): Promise<FoundDefinition | undefined> {
  const file = `${directory}/tokenizer.model`;
  const bytes = await optional(readBytes(file, directory));
  if (bytes === undefined) return undefined;
  if (/^[A-Za-z0-9+/]+=* \d+\r?\n/.test(new TextDecoder().decode(bytes.subarray(0, 1024)))) {
    throw refusal(file, "is a tiktoken vocabulary, which is not read: save it with transformers");
  }
  try {
    const model = readSentencePieceModel(bytes);
    const definition = sentencePieceDefinition(model, config, new NamedTokens(config, added));
    return { definition, config: namesOf(model), file };
  } catch (cause) {
    throw refusal(file, `is no SentencePiece model that is read: ${reasonOf(cause)}`, cause);
  }
}

/** The names that the model has for its special tokens. */
function namesOf({ pieces, ids }: SentencePieceModel): JsonObject {
  const names: Record<string, string> = {};
  for (
    const [name, id] of [["unk", ids.unknown], ["bos", ids.begin], ["eos", ids.end]] as const
  ) {
    const piece = pieces[id];
    if (piece !== undefined) names[`${name}_token`] = piece;
  }
  return names;
}

async function fromMerges(
  directory: string,
  config: JsonObject,
  added: JsonObject,
): Promise<FoundDefinition | undefined> {
  const file = `${directory}/vocab.json`;
  const list = `${directory}/merges.txt`;
  const merges = await optional(readTextFile(list, MOST_MODEL_BYTES, directory));
  if (merges === undefined) return undefined;
  const vocab = await readObject(directory, "vocab.json", MOST_MODEL_BYTES);
  if (vocab === undefined) return undefined;
  try {
    return { definition: mergesDefinition(vocab, merges, config, added), config: {}, file };
  } catch (cause) {
    throw refusal(file, `cannot be used: ${reasonOf(cause)}`, cause);
  }
}

/** Links out of the directory are refused, for this and every other file. */
function readObject(
  directory: string,
  name: string,
  bytes?: number,
): Promise<JsonObject | undefined> {
  const limits = bytes === undefined ? { within: directory } : { within: directory, bytes };
  return optional(readJsonObject(`${directory}/${name}`, limits));
}

async function readBytes(path: string, within: string): Promise<Uint8Array> {
  using file = await openRegularFile(path, within);
  if (file.byteLength > MOST_MODEL_BYTES) {
    throw refusal(path, `has ${file.byteLength} bytes, more than a tokenizer may have`);
  }
  const bytes = new Uint8Array(file.byteLength);
  await readFully(file.handle, bytes, path);
  return bytes;
}

/** What is read, or undefined where the file is missing. */
async function optional<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (cause) {
    if (cause instanceof SalientError && cause.cause instanceof Deno.errors.NotFound) {
      return undefined;
    }
    throw cause;
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function refusal(file: string, what: string, cause?: unknown): SalientError {
  return new SalientError("input", `${file} ${what}`, { file, cause });
}
