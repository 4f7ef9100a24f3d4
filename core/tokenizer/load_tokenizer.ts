/**
 * Tokenizers of Hugging Face checkpoints.
 *
 * @module
 */

import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { isJsonObject, readJsonObject } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { readGguf } from "../gguf/read_gguf.ts";
import { tokenizerFilesOf } from "../gguf/tokenizer_files_of.ts";
import { alignDefinition } from "./align_definition.ts";
import { type ChatTemplate, loadChatTemplate } from "./chat_template.ts";
import type { ChatMessage, Tokenizer } from "./types.ts";
import { wordSplitter } from "./word_splitter.ts";

/** The tokenizer.json of models with 256,000 tokens has about 35 MB. */
const MOST_BYTES = 256 * 2 ** 20;

/** No vocabulary comes near; ids above make arrays that fill the memory. */
const MOST_IDS = 2 ** 24;

/**
 * Loads the tokenizer of a checkpoint's directory from `tokenizer.json`, `tokenizer_config.json` and,
 * for chats, `chat_template.jinja` or `chat_template.json`. A SentencePiece `tokenizer.model` is not read.
 *
 * The ids are those of the Rust library that made the file. Texts of megabytes are fine.
 *
 * @example Tokens of the embedded model
 * ```ts
 * import { loadTokenizer } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const ids = tokenizer.encode("The state of the Union is strong.");
 * assert.equal(tokenizer.decode(ids), "The state of the Union is strong.");
 * ```
 *
 * @param directory The model's directory, or a GGUF file: its name ends in `.gguf`.
 * @throws {SalientError} `input`, naming the file, where one is missing, damaged or of an unknown kind.
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const isGguf = directory.endsWith(".gguf");
  const file = isGguf ? directory : `${directory}/tokenizer.json`;
  const { definition, config } = isGguf
    ? await readGgufTokenizer(directory)
    : { definition: await readDefinition(directory, file), config: await readConfig(directory) };
  const vocabSize = countIds(definition, file);
  let library: LibraryTokenizer;
  try {
    library = new LibraryTokenizer(alignDefinition(complete(definition)), config);
    splitLongWords(library, definition);
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ");
    throw new SalientError("input", `${file} cannot be used: ${reason}`, { file, cause });
  }
  return new CheckpointTokenizer(
    directory,
    library,
    vocabSize,
    await loadChatTemplate(directory, config),
  );
}

class CheckpointTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly #directory: string;
  readonly #library: LibraryTokenizer;
  readonly #template: ChatTemplate | undefined;

  constructor(
    directory: string,
    library: LibraryTokenizer,
    vocabSize: number,
    template: ChatTemplate | undefined,
  ) {
    this.#directory = directory;
    this.#library = library;
    this.vocabSize = vocabSize;
    this.#template = template;
  }

  encode(text: string, options: { readonly specialTokens?: boolean } = {}): Int32Array {
    const { ids, tokens } = this.#library.encode(text, {
      add_special_tokens: options.specialTokens ?? true,
    });
    const unknown = ids.findIndex((id) => !Number.isInteger(id));
    if (unknown >= 0) {
      throw new SalientError(
        "input",
        `The tokenizer of ${this.#directory} has no token for ${showName(tokens[unknown] ?? "")} ` +
          `and none for unknown text: take the text out or use another model`,
        { file: `${this.#directory}/tokenizer.json` },
      );
    }
    return Int32Array.from(ids);
  }

  decode(ids: ArrayLike<number>): string {
    const known = Array.from(ids).filter((id) => this.#library.id_to_token(id) !== undefined);
    if (known.length === 0) return "";
    return this.#library.decode(known, {
      skip_special_tokens: true,
      clean_up_tokenization_spaces: false,
    });
  }

  formatChat(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
    if (this.#template === undefined) {
      throw new SalientError(
        "input",
        `${this.#directory} has no chat template: give plain text, or a chat model`,
        { file: this.#directory },
      );
    }
    return this.#template(messages, addGenerationPrompt);
  }

  checkVocabulary(rows: number): void {
    if (this.vocabSize <= rows) return;
    throw new SalientError(
      "input",
      `The tokenizer in ${this.#directory} does not match the model: it has ids up to ` +
        `${this.vocabSize - 1}, the embedding has ${rows} rows; use the files the model came with`,
      { file: `${this.#directory}/tokenizer.json` },
    );
  }
}

async function readGgufTokenizer(
  path: string,
): Promise<{ readonly definition: JsonObject; readonly config: JsonObject }> {
  const files = tokenizerFilesOf(path, (await readGguf(path)).metadata);
  if (files !== undefined) return files;
  throw new SalientError("input", `${path} has no tokenizer: use another file`, { file: path });
}

async function readDefinition(directory: string, file: string): Promise<JsonObject> {
  try {
    return await readJsonObject(file, { bytes: MOST_BYTES, within: directory });
  } catch (cause) {
    const missing = cause instanceof SalientError && cause.cause instanceof Deno.errors.NotFound;
    if (!missing) throw cause;
    throw new SalientError(
      "input",
      `${directory} has no tokenizer.json, the only kind of tokenizer that is read ` +
        `(tokenizer.model alone is not): save it with a fast tokenizer of transformers`,
      { file, cause },
    );
  }
}

async function readConfig(directory: string): Promise<JsonObject> {
  try {
    return await readJsonObject(`${directory}/tokenizer_config.json`, { within: directory });
  } catch (cause) {
    if (cause instanceof SalientError && cause.cause instanceof Deno.errors.NotFound) return {};
    throw cause;
  }
}

/** Parts that a file may leave out, written down. */
function complete(definition: JsonObject): JsonObject {
  const empty = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
  return { ...empty, added_tokens: [], ...definition };
}

/** One more than the largest id; every id is checked, for ids become indices of arrays. */
function countIds(definition: JsonObject, file: string): number {
  const model = isJsonObject(definition.model) ? definition.model : {};
  let count = 0;
  function see(id: Json | undefined, token: string): void {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= MOST_IDS) {
      throw new SalientError("input", `${file} gives the token ${showName(token)} no valid id`, {
        file,
      });
    }
    count = Math.max(count, id + 1);
  }
  if (Array.isArray(model.vocab)) count = model.vocab.length;
  else if (isJsonObject(model.vocab)) {
    for (const [token, id] of Object.entries(model.vocab)) see(id, token);
  }
  const added = Array.isArray(definition.added_tokens) ? definition.added_tokens : [];
  for (const token of added) {
    const content = isJsonObject(token) ? token.content : undefined;
    if (!isJsonObject(token) || typeof content !== "string" || content === "") {
      throw new SalientError("input", `${file} has an added token without content`, { file });
    }
    see(token.id, content);
  }
  if (count === 0) {
    throw new SalientError("input", `${file} has no vocabulary: it is damaged, fetch it again`, {
      file,
    });
  }
  return count;
}

/** Cuts long words before the merges of a byte-pair model that has nothing but merges. */
function splitLongWords(library: LibraryTokenizer, definition: JsonObject): void {
  const { model } = library;
  const part = isJsonObject(definition.model) ? definition.model : {};
  if (model === null || part.type !== "BPE") return;
  if (part.end_of_word_suffix || part.continuing_subword_prefix) return;
  if (part.continuing_subword_suffix) return;
  const encode = model.encode.bind(model);
  const split = wordSplitter(model.tokens_to_ids.keys());
  model.encode = (words) => encode(split(words));
}
