/**
 * A tokenizer out of the parts that its file names.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { type AddedToken, AddedTokens } from "./added_tokens.ts";
import { type Decoder, makeDecoder } from "./decoder.ts";
import { makeNormalizer, type Normalizer } from "./normalizer.ts";
import { readPostProcessor, type Surroundings } from "./post_processor.ts";
import { makePreTokenizer, type PreTokenizer } from "./pre_tokenizer.ts";
import { makeWordModel, type WordModel } from "./word_model.ts";

/** Text to ids and back, in the steps of a `tokenizer.json`. */
export class TokenizerPipeline {
  readonly #normalize: Normalizer | undefined;
  readonly #cut: PreTokenizer;
  readonly #model: WordModel;
  readonly #surroundings: Surroundings;
  readonly #decode: Decoder;
  readonly #plain: AddedTokens;
  readonly #normalized: AddedTokens;
  /** Added tokens by id. */
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #special: ReadonlySet<string>;

  /**
   * Reads the parts; those that are left out are none.
   *
   * @throws {Error} Where a part is of an unknown kind or damaged.
   */
  constructor(definition: JsonObject) {
    this.#normalize = makeNormalizer(definition.normalizer ?? null);
    this.#cut = makePreTokenizer(definition.pre_tokenizer ?? null);
    this.#model = makeWordModel(isJsonObject(definition.model) ? definition.model : {});
    this.#surroundings = readPostProcessor(definition.post_processor ?? null);
    this.#decode = makeDecoder(definition.decoder ?? null);
    const entries = Array.isArray(definition.added_tokens) ? definition.added_tokens : [];
    const added = entries.map(readAddedToken);
    this.#added = new Map(added.map((token) => [token.id, token]));
    this.#special = new Set(
      added.filter(({ special }) => special).map(({ content }) => content),
    );
    const plain = added.filter(({ normalized }) => !normalized);
    const normalized = added.filter(({ normalized }) => normalized);
    this.#plain = new AddedTokens(plain);
    this.#normalized = new AddedTokens(
      normalized,
      normalized.map(({ content }) => this.#normalize?.(content) ?? content),
    );
  }

  /**
   * Ids of a text. Halves of surrogate pairs count as U+FFFD, as they do in UTF-8.
   *
   * @throws {UnknownTokenError} Where no token stands for a part of it.
   */
  encode(text: string, specialTokens: boolean): number[] {
    const ids: number[] = specialTokens ? [...this.#surroundings.before] : [];
    for (const piece of this.#plain.split(text.toWellFormed())) {
      if ("id" in piece) ids.push(piece.id);
      else this.#encodePiece(piece.text, piece.start === 0, ids);
    }
    if (specialTokens) ids.push(...this.#surroundings.after);
    return ids;
  }

  #encodePiece(piece: string, isFirst: boolean, ids: number[]): void {
    const normal = this.#normalize?.(piece) ?? piece;
    for (const part of this.#normalized.split(normal)) {
      if ("id" in part) ids.push(part.id);
      else {
        const words = this.#cut(part.text, isFirst && part.start === 0);
        for (const id of this.#model.encode(words)) ids.push(id);
      }
    }
  }

  /** Text of ids, without special tokens; ids that no token has are left out. */
  decode(ids: ArrayLike<number>): string {
    const tokens: string[] = [];
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at]!;
      const token = this.#added.get(id)?.content ?? this.#model.vocab[id];
      if (token !== undefined && !this.#special.has(token)) tokens.push(token);
    }
    return tokens.length === 0 ? "" : this.#decode(tokens).join("");
  }
}

function readAddedToken(entry: Json): AddedToken {
  const token = isJsonObject(entry) ? entry : {};
  const special = token.special === true;
  return {
    id: Number(token.id),
    content: String(token.content),
    singleWord: token.single_word === true,
    takesLeft: token.lstrip === true,
    takesRight: token.rstrip === true,
    normalized: typeof token.normalized === "boolean" ? token.normalized : !special,
    special,
  };
}
