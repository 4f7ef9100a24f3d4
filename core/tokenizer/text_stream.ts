/**
 * Text of ids that come one at a time.
 *
 * @module
 */

import type { Tokenizer } from "./types.ts";

/** Ids of the prompt that the first new ids are decoded with. */
const CONTEXT = 8;

/** Ids that wait at most: no character has that many, so what ends in U+FFFD then is what it is. */
const LONGEST_WAIT = 64;

/**
 * Turns generated ids into text as they come. A token may hold part of a character, and some decoders
 * drop a space at the start of what they decode, so an id alone does not say what it adds: each is decoded
 * together with the ones just before, and part of a character waits for the rest.
 *
 * The pieces joined are `tokenizer.decode` of all ids, with one exception. Tokenizers that write unknown characters as
 * bytes decode bytes in a row all or none: a character that is out stays, also where bytes follow that are not text.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  /** Ids that are still needed: some whose text is out, then some whose text waits. */
  #ids: number[];
  /** How many of `#ids` have their text out. */
  #written: number;

  /**
   * Starts after a prompt.
   *
   * @param tokenizer The model's tokenizer.
   * @param prompt Ids before the first one to come; their text is not given again.
   */
  constructor(tokenizer: Tokenizer, prompt: ArrayLike<number> = []) {
    this.#tokenizer = tokenizer;
    this.#ids = Array.from(prompt).slice(-CONTEXT);
    this.#written = this.#ids.length;
  }

  /** The text that an id adds; empty while a character is incomplete. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#pending();
    const waiting = this.#ids.length - this.#written;
    if (text === "" || (text.endsWith("\uFFFD") && waiting < LONGEST_WAIT)) return "";
    this.#ids = this.#ids.slice(this.#written);
    this.#written = this.#ids.length;
    return text;
  }

  /** The text that still waits: what came of a last incomplete character. */
  end(): string {
    const text = this.#pending();
    this.#written = this.#ids.length;
    return text;
  }

  #pending(): string {
    const before = this.#tokenizer.decode(this.#ids.slice(0, this.#written));
    return this.#tokenizer.decode(this.#ids).slice(before.length);
  }
}
