/**
 * The model that takes the likeliest tokens.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { TokenTrie } from "./token_trie.ts";

/** What an unknown character costs more than the least likely token. */
const UNKNOWN_PENALTY = 10;

/** Words that are kept with their tokens. */
const KEPT = 20_000;
const LONGEST_KEPT = 64;

const encoder = new TextEncoder();

/**
 * Cuts words into the tokens whose scores sum highest (Kudo 2018, "Subword Regularization", section 3.2; Viterbi).
 * Of equal sums the one whose last token is longest counts, unknown characters in a row are one, and with
 * `byte_fallback` they are their bytes instead: as in the Rust library.
 */
export class UnigramModel {
  /** Tokens by id. */
  readonly vocab: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #scores: Float64Array;
  readonly #trie: TokenTrie;
  readonly #unknown: number;
  readonly #unknownScore: number;
  readonly #byteIds: readonly number[] | undefined;
  readonly #kept = new Map<string, readonly number[]>();
  #best = new Float64Array(256);
  #starts = new Int32Array(256);
  #tokens = new Int32Array(256);

  /**
   * Takes over the `model` of a `tokenizer.json`.
   *
   * @throws {Error} Where it is damaged, or has no unknown token.
   */
  constructor(part: JsonObject) {
    const entries = (Array.isArray(part.vocab) ? part.vocab : []).map(readEntry);
    this.vocab = entries.map(({ token }) => token);
    this.#ids = new Map(this.vocab.map((token, id) => [token, id]));
    this.#scores = Float64Array.from(entries, ({ score }) => score);
    this.#trie = new TokenTrie(this.vocab);
    if (typeof part.unk_id !== "number" || !(part.unk_id in entries)) {
      throw new Error("A Unigram model needs unk_id, the id of its unknown token");
    }
    this.#unknown = part.unk_id;
    this.#unknownScore = this.#scores.reduce((least, score) => Math.min(least, score), Infinity) -
      UNKNOWN_PENALTY;
    const bytes = Array.from({ length: 256 }, (_, byte) => {
      const digits = byte.toString(16).toUpperCase().padStart(2, "0");
      return this.#ids.get(`<0x${digits}>`) ?? -1;
    });
    this.#byteIds = part.byte_fallback === true ? bytes : undefined;
  }

  /** Ids of words, in order. */
  encode(words: readonly string[]): number[] {
    const ids: number[] = [];
    for (const word of words) {
      for (const id of this.#keep(word)) ids.push(id);
    }
    return ids;
  }

  #keep(word: string): readonly number[] {
    if (word.length > LONGEST_KEPT) return this.#encodeWord(word);
    let ids = this.#kept.get(word);
    if (ids === undefined) {
      ids = this.#encodeWord(word);
      if (this.#kept.size >= KEPT) this.#kept.clear();
      this.#kept.set(word, ids);
    }
    return ids;
  }

  #encodeWord(word: string): number[] {
    this.#search(word);
    const ids: number[] = [];
    for (let at = word.length; at > 0;) {
      const id = this.#tokens[at]!;
      let start = this.#starts[at]!;
      if (id === this.#unknown) {
        while (start > 0 && this.#tokens[start] === id) start = this.#starts[start]!;
        ids.push(...this.#unknownIds(word.slice(start, at)).toReversed());
      } else ids.push(id);
      at = start;
    }
    return ids.reverse();
  }

  /** Fills, for each place, the best sum up to it and the token that ends there. */
  #search(word: string): void {
    this.#reserve(word.length + 1);
    this.#starts.fill(-1, 0, word.length + 1);
    this.#best[0] = 0;
    for (let at = 0; at < word.length;) {
      const letter = word.codePointAt(at)! > 0xffff ? 2 : 1;
      const before = this.#best[at]!;
      let hasLetter = false;
      let node = TokenTrie.ROOT;
      for (let stop = at; stop < word.length;) {
        node = this.#trie.next(node, word.charCodeAt(stop++));
        if (node < 0) break;
        const token = this.#trie.tokenAt(node);
        if (token < 0) continue;
        hasLetter ||= stop - at === letter;
        this.#offer(at, stop, before + this.#scores[token]!, token);
      }
      if (!hasLetter) {
        this.#offer(at, at + letter, before + this.#unknownScore, this.#unknown);
      }
      at += letter;
    }
  }

  #offer(start: number, stop: number, score: number, token: number): void {
    if (this.#starts[stop]! >= 0 && score <= this.#best[stop]!) return;
    this.#best[stop] = score;
    this.#starts[stop] = start;
    this.#tokens[stop] = token;
  }

  #unknownIds(text: string): number[] {
    const known = this.#ids.get(text);
    if (known !== undefined) return [known];
    const byteIds = this.#byteIds;
    if (byteIds === undefined) return [this.#unknown];
    const ids = Array.from(encoder.encode(text), (byte) => byteIds[byte]!);
    return ids.includes(-1) ? [this.#unknown] : ids;
  }

  #reserve(size: number): void {
    if (size <= this.#best.length) return;
    this.#best = new Float64Array(size * 2);
    this.#starts = new Int32Array(size * 2);
    this.#tokens = new Int32Array(size * 2);
  }
}

function readEntry(entry: Json): { token: string; score: number } {
  const [token, score] = Array.isArray(entry) ? entry : [];
  if (isJsonObject(entry) || typeof token !== "string" || typeof score !== "number") {
    throw new Error("A token of its Unigram model has no score");
  }
  return { token, score };
}
