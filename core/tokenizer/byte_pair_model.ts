/**
 * The model that merges pairs.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { MergeTable } from "./merge_table.ts";
import { WordMerger } from "./word_merger.ts";
import { wordSplitter } from "./word_splitter.ts";

/** Words that are kept with their tokens. */
const KEPT = 50_000;
const LONGEST_KEPT = 64;

const encoder = new TextEncoder();

/**
 * Byte-pair encoding of words, as the Rust library does it. The JavaScript library's has the same ids, but keeps an
 * object for each character and a text for each pair: a word of 10 MB takes it two minutes.
 */
export class BytePairModel {
  /** Tokens by id. */
  readonly vocab: readonly (string | undefined)[];
  readonly #ids: ReadonlyMap<string, number>;
  /** UTF-16 unit -> id of the token that is this unit alone, -1 for none. */
  readonly #units = new Int32Array(0x10000).fill(-1);
  readonly #merger: WordMerger;
  readonly #split: (words: readonly string[]) => string[];
  readonly #byteIds: readonly number[] | undefined;
  readonly #unknown: number | undefined;
  readonly #fuses: boolean;
  readonly #ignoresMerges: boolean;
  /** Whether long words may be cut: not where unknown characters on both sides of a cut would be one. */
  readonly #splits: boolean;
  readonly #kept = new Map<string, readonly number[]>();

  /**
   * Takes over the `model` of a `tokenizer.json`.
   *
   * @throws {Error} Where it is damaged.
   */
  constructor(part: JsonObject) {
    const ids = new Map<string, number>();
    const vocab: string[] = [];
    for (const [token, id] of Object.entries(isJsonObject(part.vocab) ? part.vocab : {})) {
      if (typeof id !== "number") throw new Error("A token of it has no id");
      ids.set(token, id);
      vocab[id] = token;
      if (token.length === 1) this.#units[token.charCodeAt(0)] = id;
    }
    this.vocab = vocab;
    this.#ids = ids;
    const merges = Array.isArray(part.merges) ? part.merges : [];
    const table = new MergeTable(merges.map((merge) => readMerge(merge, ids)));
    this.#merger = new WordMerger(table);
    this.#split = wordSplitter(ids.keys());
    this.#byteIds = part.byte_fallback === true ? byteIds(ids) : undefined;
    this.#unknown = typeof part.unk_token === "string" ? ids.get(part.unk_token) : undefined;
    if (typeof part.unk_token === "string" && this.#unknown === undefined) {
      throw new Error(`Its unknown token ${part.unk_token} is not in the vocabulary`);
    }
    this.#fuses = part.fuse_unk === true;
    this.#ignoresMerges = part.ignore_merges === true;
    this.#splits = !this.#fuses || this.#byteIds?.includes(-1) === false;
  }

  /** Ids of words, in order. A character without a token is left out where there is none for unknown text. */
  encode(words: readonly string[]): number[] {
    const made: number[] = [];
    for (const word of words) {
      if (word.length <= LONGEST_KEPT) append(made, this.#keep(word));
      else if (this.#ignoresMerges && this.#ids.has(word)) made.push(this.#ids.get(word)!);
      else if (this.#splits) {
        for (const part of this.#split([word])) append(made, this.#keep(part));
      } else append(made, this.#merge(word));
    }
    return made;
  }

  #keep(word: string): readonly number[] {
    const known = this.#kept.get(word);
    if (known !== undefined) return known;
    const whole = this.#ignoresMerges ? this.#ids.get(word) : undefined;
    const ids = whole === undefined ? this.#merge(word) : [whole];
    if (word.length > LONGEST_KEPT) return ids;
    if (this.#kept.size >= KEPT) this.#kept.clear();
    this.#kept.set(word, ids);
    return ids;
  }

  #merge(word: string): number[] {
    this.#merger.clear();
    let waits = false;
    for (let at = 0; at < word.length;) {
      const code = word.codePointAt(at)!;
      const letter = code > 0xffff ? String.fromCodePoint(code) : word[at]!;
      at += letter.length;
      const id = letter.length === 1 ? this.#units[code]! : this.#ids.get(letter) ?? -1;
      if (id >= 0) {
        if (waits) this.#merger.add(this.#unknown!);
        waits = false;
        this.#merger.add(id);
      } else if (!this.#addBytes(letter) && this.#unknown !== undefined) {
        // The one before is put in when it is clear that this one does not become part of it.
        if (waits && !this.#fuses) this.#merger.add(this.#unknown);
        waits = true;
      }
    }
    if (waits) this.#merger.add(this.#unknown!);
    return this.#merger.merge();
  }

  /** Whether there are tokens for all bytes of a letter. */
  #addBytes(letter: string): boolean {
    const ids = this.#byteIds;
    if (ids === undefined) return false;
    const bytes = encoder.encode(letter);
    if (bytes.some((byte) => ids[byte] === -1)) return false;
    for (const byte of bytes) this.#merger.add(ids[byte]!);
    return true;
  }
}

function append(made: number[], ids: readonly number[]): void {
  for (const id of ids) made.push(id);
}

/** `"a b"`, or `["a", "b"]` in newer files. */
function readMerge(
  merge: Json,
  ids: ReadonlyMap<string, number>,
): readonly [number, number, number] {
  const pair = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
  const [left, right] = pair;
  const isPair = pair.length === 2 && typeof left === "string" && typeof right === "string";
  if (!isPair) throw new Error("A merge of it is not a pair");
  const [from, to, made] = [ids.get(left), ids.get(right), ids.get(left + right)];
  if (from === undefined || to === undefined || made === undefined) {
    throw new Error(`Its vocabulary lacks a token of the merge of ${left} and ${right}`);
  }
  return [from, to, made];
}

function byteIds(ids: ReadonlyMap<string, number>): number[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const digits = byte.toString(16).toUpperCase().padStart(2, "0");
    return ids.get(`<0x${digits}>`) ?? -1;
  });
}
