/**
 * Tokenizers of Hugging Face checkpoints.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { readGguf } from "../gguf/read_gguf.ts";
import { tokenizerFilesOf } from "../gguf/tokenizer_files_of.ts";
import { type ChatTemplate, loadChatTemplate } from "./chat_template.ts";
import { findDefinition, type FoundDefinition, otherTokenizerFile } from "./find_definition.ts";
import { TokenizerPipeline } from "./tokenizer_pipeline.ts";
import { showValue } from "../show_value.ts";
import type { ChatMessage, Tokenizer } from "./types.ts";
import { UnknownTokenError } from "./unknown_token_error.ts";

/** No vocabulary comes near; ids above make arrays that fill the memory. */
const MOST_IDS = 2 ** 24;

/**
 * Loads the tokenizer of a checkpoint's directory: from `tokenizer.json`, else from a SentencePiece
 * `tokenizer.model`, else from `vocab.json` and `merges.txt`; with `tokenizer_config.json` and, for chats,
 * `chat_template.jinja` or `chat_template.json`. `docs/tokenizers.md` says which kinds were checked, and how.
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
  const { definition, config, file } = directory.endsWith(".gguf")
    ? await readGgufTokenizer(directory)
    : await readDirectory(directory);
  const vocabSize = countIds(definition, file);
  const template = await loadChatTemplate(directory, config);
  return new CheckpointTokenizer(directory, compile(definition, file), vocabSize, template);
}

function compile(definition: JsonObject, file: string): TokenizerPipeline {
  try {
    return new TokenizerPipeline(definition);
  } catch (cause) {
    throw refusal(`${file} cannot be used`, file, cause);
  }
}

function refusal(what: string, file: string, cause: unknown): SalientError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ");
  return new SalientError("input", `${what}: ${showName(reason)}`, { file, cause });
}

class CheckpointTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly #directory: string;
  readonly #pipeline: TokenizerPipeline;
  readonly #template: ChatTemplate | undefined;

  constructor(
    directory: string,
    pipeline: TokenizerPipeline,
    vocabSize: number,
    template: ChatTemplate | undefined,
  ) {
    this.#directory = directory;
    this.#pipeline = pipeline;
    this.vocabSize = vocabSize;
    this.#template = template;
  }

  encode(text: string, options: { readonly specialTokens?: boolean } = {}): Int32Array {
    try {
      return Int32Array.from(this.#pipeline.encode(text, options.specialTokens ?? true));
    } catch (cause) {
      const file = `${this.#directory}/tokenizer.json`;
      const what = `The tokenizer of ${this.#directory}`;
      if (!(cause instanceof UnknownTokenError)) throw refusal(`${what} fails`, file, cause);
      throw new SalientError(
        "input",
        `${what} has no token for ${showValue(cause.token)} and none for unknown text: ` +
          `take the text out or use another model`,
        { file },
      );
    }
  }

  decode(ids: ArrayLike<number>): string {
    return this.#pipeline.decode(ids);
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

async function readGgufTokenizer(file: string): Promise<FoundDefinition> {
  const files = tokenizerFilesOf(file, (await readGguf(file)).metadata);
  if (files !== undefined) return { definition: files.definition, config: files.config, file };
  throw new SalientError("input", `${file} has no tokenizer: use another file`, { file });
}

async function readDirectory(directory: string): Promise<FoundDefinition> {
  const found = await findDefinition(directory);
  if (found !== undefined) return found;
  const other = await otherTokenizerFile(directory);
  throw new SalientError(
    "input",
    `${directory} has no tokenizer.json, tokenizer.model or vocab.json with merges.txt` +
      `${other === undefined ? "" : `, and ${other} is not read`}: ` +
      `save the tokenizer with a fast tokenizer of transformers`,
    { file: `${directory}/tokenizer.json` },
  );
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
