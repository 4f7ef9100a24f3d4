/**
 * Tokens that stand for themselves wherever they occur in a text.
 *
 * @module
 */

import { TokenTrie } from "./token_trie.ts";

/** An entry of `added_tokens`. */
export interface AddedToken {
  /** Its id. */
  readonly id: number;
  /** Its text. */
  readonly content: string;
  /** Whether it counts only where no letter stands beside it. */
  readonly singleWord: boolean;
  /** Whether it takes the white space before it. */
  readonly takesLeft: boolean;
  /** Whether it takes the white space after it. */
  readonly takesRight: boolean;
  /** Whether it is looked for after normalizing. */
  readonly normalized: boolean;
  /** Whether decoding leaves it out. */
  readonly special: boolean;
}

/** Text between tokens, or a token. */
export type Piece =
  | { readonly id: number }
  | { readonly text: string; readonly start: number };

const LETTER = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const STARTS_WITH_LETTER = new RegExp(`^${LETTER}`, "u");
const ENDS_WITH_LETTER = new RegExp(`${LETTER}$`, "u");
const SPACE = /\p{White_Space}/u;

/** Finds added tokens: at each place the longest, from the left, as the Rust library does. */
export class AddedTokens {
  readonly #tokens: readonly AddedToken[];
  readonly #trie: TokenTrie;
  readonly #lengths: readonly number[];

  /**
   * Holds tokens.
   *
   * @param tokens The tokens.
   * @param contents What to look for instead of their content: their normalized texts.
   */
  constructor(
    tokens: readonly AddedToken[],
    contents: readonly string[] = tokens.map(({ content }) => content),
  ) {
    this.#tokens = tokens;
    this.#trie = new TokenTrie(contents);
    this.#lengths = contents.map(({ length }) => length);
  }

  /** The text cut at the tokens; no piece is empty. */
  split(text: string): Piece[] {
    const pieces: Piece[] = [];
    if (text === "") return pieces;
    if (this.#tokens.length === 0) return [{ text, start: 0 }];
    let done = 0;
    for (let at = 0; at < text.length;) {
      const found = this.#trie.longest(text, at);
      const length = this.#lengths[found] ?? 0;
      if (length === 0) {
        at++;
        continue;
      }
      const token = this.#tokens[found]!;
      const stop = at + length;
      if (!token.singleWord || standsAlone(text, at, stop)) {
        const start = token.takesLeft ? Math.max(spaceBefore(text, at), done) : at;
        if (start > done) pieces.push({ text: text.slice(done, start), start: done });
        pieces.push({ id: token.id });
        done = token.takesRight ? spaceAfter(text, stop) : stop;
      }
      at = Math.max(stop, done);
    }
    if (done < text.length) pieces.push({ text: text.slice(done), start: done });
    return pieces;
  }
}

function standsAlone(text: string, start: number, stop: number): boolean {
  return !ENDS_WITH_LETTER.test(text.slice(Math.max(start - 2, 0), start)) &&
    !STARTS_WITH_LETTER.test(text.slice(stop, stop + 2));
}

function spaceBefore(text: string, at: number): number {
  while (at > 0 && SPACE.test(text.charAt(at - 1))) at--;
  return at;
}

function spaceAfter(text: string, at: number): number {
  while (at < text.length && SPACE.test(text.charAt(at))) at++;
  return at;
}
