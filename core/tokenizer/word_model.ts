/**
 * What makes tokens of words.
 *
 * @module
 */

import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { isJsonObject } from "../checkpoint/read_json.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import { BytePairModel } from "./byte_pair_model.ts";
import { UnigramModel } from "./unigram_model.ts";
import { UnknownTokenError } from "./unknown_token_error.ts";

/** Turns words into ids. */
export interface WordModel {
  /** Tokens by id. */
  readonly vocab: readonly (string | undefined)[];
  /**
   * Ids of words, in order.
   *
   * @throws {UnknownTokenError} Where no token stands for a word and there is none for unknown text.
   */
  encode(words: readonly string[]): number[];
}

/**
 * The `model` of a `tokenizer.json`.
 *
 * @throws {Error} Where it is of an unknown kind or damaged.
 */
export function makeWordModel(part: JsonObject): WordModel {
  switch (part.type ?? guessType(part)) {
    case "BPE":
      if (part.end_of_word_suffix || part.continuing_subword_prefix) {
        throw new Error("Merges of words with marked starts or ends are not read");
      }
      return new BytePairModel(part);
    case "Unigram":
      return new UnigramModel(part);
    case "WordLevel":
      return wordLevel(part);
    case "WordPiece":
      return wordPiece(part);
    default:
      throw new Error(`Unknown model ${String(part.type)}`);
  }
}

/** Files of before 2021 do not say it. */
function guessType(part: JsonObject): string | undefined {
  if (Array.isArray(part.vocab)) return "Unigram";
  if (part.merges !== undefined) return "BPE";
  return part.continuing_subword_prefix === undefined ? undefined : "WordPiece";
}

function wordLevel(part: JsonObject): WordModel {
  const ids = new Map(Object.entries(isJsonObject(part.vocab) ? part.vocab : {}));
  const vocab: string[] = [];
  for (const [token, id] of ids) vocab[Number(id)] = token;
  const unknown = ids.get(String(part.unk_token));
  return {
    vocab,
    encode: (words) =>
      words.map((word) => {
        const id = ids.get(word) ?? unknown;
        if (id === undefined) throw new UnknownTokenError(word);
        return Number(id);
      }),
  };
}

/** The JavaScript library's. */
function wordPiece(part: JsonObject): WordModel {
  const empty = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
  const { model } = new LibraryTokenizer({ ...empty, added_tokens: [], model: part }, {});
  if (model === null) throw new Error("It has no model");
  return {
    vocab: model.vocab,
    encode: (words) =>
      model.encode([...words]).map((token) => {
        const id = model.tokens_to_ids.get(token);
        if (id === undefined) throw new UnknownTokenError(token);
        return id;
      }),
  };
}
