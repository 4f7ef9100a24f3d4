/**
 * A tokenizer as metadata of a GGUF file.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { GgufValue } from "./gguf_value.ts";
import { byteLevelMetadata } from "./byte_level_metadata.ts";
import { sentencePieceMetadata } from "./sentence_piece_metadata.ts";

/** The files of a tokenizer. */
export interface TokenizerFiles {
  /** `tokenizer.json`. */
  readonly definition: JsonObject;
  /** `tokenizer_config.json`; empty where there is none. */
  readonly config: JsonObject;
  /** The chat template, if there is one. */
  readonly chatTemplate: string | undefined;
}

/** A token of the vocabulary. */
export interface VocabularyToken {
  /** Its text as `tokenizer.json` spells it. */
  readonly text: string;
  /** How `tokenizer.json` lists it. */
  readonly kind: "normal" | "special" | "added" | "unused";
}

/** llama.cpp's numbers for kinds of tokens. */
export const TOKEN_TYPES = { normal: 1, unknown: 2, special: 3, added: 4, unused: 5, byte: 6 };

/** Keys under `tokenizer`, and what the user should know. */
export interface TokenizerMetadata {
  /** The keys. */
  readonly values: ReadonlyMap<string, GgufValue>;
  /** A warning, where llama.cpp may cut some text differently. */
  readonly warning: string | undefined;
}

/**
 * The tokenizer as llama.cpp reads it: byte-level byte pairs as `gpt2`, byte pairs in the manner of
 * SentencePiece as `llama`.
 *
 * @param rows Rows of the embedding; tokens beyond the vocabulary are filled up with unused ones.
 * @throws {SalientError} `input` where llama.cpp has no tokenizer of the kind.
 */
export function tokenizerMetadata(files: TokenizerFiles, rows: number): TokenizerMetadata {
  const { definition, config } = files;
  const model = definition["model"] ?? null;
  if (!isJsonObject(model) || model["type"] !== "BPE" || !isJsonObject(model["vocab"] ?? null)) {
    const type = isJsonObject(model) ? model["type"] ?? null : null;
    throw refuse(`byte-pair tokenizers, not ${showName(String(type))}`);
  }
  const tokens = listTokens(definition, model["vocab"] as JsonObject, rows);
  const merges = readMerges(model["merges"] ?? []);
  const kind = model["byte_fallback"] === true
    ? sentencePieceMetadata(definition, tokens, merges)
    : byteLevelMetadata(definition, tokens, merges);
  const values = new Map<string, GgufValue>(kind.values);
  const ids = new Map(tokens.map(({ text }, id) => [text, id]));
  for (
    const [key, name] of [["bos", "bos"], ["eos", "eos"], ["unk", "unknown"], ["pad", "padding"]]
  ) {
    const text = specialToken(config[`${key}_token`] ?? null);
    const id = text === undefined ? undefined : ids.get(text);
    if (id !== undefined) values.set(`tokenizer.ggml.${name}_token_id`, { type: "u32", value: id });
  }
  const ends = templateEnds(definition["post_processor"] ?? null);
  values.set("tokenizer.ggml.add_bos_token", { type: "bool", value: ends.first });
  values.set("tokenizer.ggml.add_eos_token", { type: "bool", value: ends.last });
  if (files.chatTemplate !== undefined) {
    values.set("tokenizer.chat_template", { type: "string", value: files.chatTemplate });
  }
  return { values, warning: kind.warning };
}

/** The error for a tokenizer that cannot be said; `text` says what can. */
function refuse(text: string): SalientError {
  return new SalientError("input", `Format gguf stores ${text}: choose another format`);
}

function listTokens(
  definition: JsonObject,
  vocabulary: JsonObject,
  rows: number,
): readonly VocabularyToken[] {
  const tokens: VocabularyToken[] = Array.from(
    { length: rows },
    (_, id) => ({ text: `[PAD${id}]`, kind: "unused" }),
  );
  function set(id: Json | undefined, token: VocabularyToken): void {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= rows) {
      throw new SalientError(
        "input",
        `The token ${
          showName(token.text)
        } has no row among the ${rows} of the embedding: use the files the model came with`,
      );
    }
    tokens[id] = token;
  }
  for (const [text, id] of Object.entries(vocabulary)) set(id, { text, kind: "normal" });
  const added = definition["added_tokens"] ?? [];
  for (const token of Array.isArray(added) ? added : []) {
    if (!isJsonObject(token) || typeof token["content"] !== "string") continue;
    const kind = token["special"] === true ? "special" : "added";
    set(token["id"], { text: token["content"], kind });
  }
  return tokens;
}

/** Pairs, or texts with a space between the two. */
function readMerges(merges: Json): readonly (readonly [string, string])[] {
  if (!Array.isArray(merges)) throw refuse("tokenizers with a list of merges");
  return merges.map((merge) => {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    const valid = Array.isArray(pair) && pair.length === 2 &&
      pair.every((part) => typeof part === "string");
    if (!valid) throw refuse("merges of two tokens each");
    return pair as unknown as readonly [string, string];
  });
}

function specialToken(value: Json): string | undefined {
  if (typeof value === "string") return value;
  const content = isJsonObject(value) ? value["content"] : undefined;
  return typeof content === "string" ? content : undefined;
}

/** Whether a token is put before and after each text. */
function templateEnds(processor: Json): { readonly first: boolean; readonly last: boolean } {
  const inner = isJsonObject(processor) ? processor["processors"] : undefined;
  const all = Array.isArray(inner) ? inner : [processor];
  for (const each of all) {
    if (!isJsonObject(each) || each["type"] !== "TemplateProcessing") continue;
    const single = each["single"] ?? null;
    if (!Array.isArray(single)) continue;
    const special = (part: Json | undefined): boolean =>
      isJsonObject(part ?? null) && isJsonObject((part as JsonObject)["SpecialToken"] ?? null);
    return { first: special(single[0]), last: special(single.at(-1)) };
  }
  return { first: false, last: false };
}
