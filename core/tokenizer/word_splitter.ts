/**
 * Cuts very long words of a byte-pair tokenizer where no token can reach across.
 *
 * @module
 */

/** Words up to this length are left to the merges as they are. */
const SHORT = 48;

/**
 * Makes a function that cuts words without changing their tokens.
 *
 * SentencePiece-style tokenizers have no pre-tokenizer: a whole book is one word. Its parts come again and
 * again, and are merged once. A merge joins two neighbours into a token of the vocabulary, so where two
 * characters stand side by side in no token of the vocabulary, no merge ever reaches across them, and the
 * merges on the two sides do not depend on each other.
 *
 * @param vocabulary Every token a merge can make; reading it takes a while, so it waits for a long word.
 * @returns The parts of each word, in order.
 */
export function wordSplitter(vocabulary: Iterable<string>): (words: readonly string[]) => string[] {
  let joined: Pairs | undefined;

  /** Appends the parts of a word. */
  function cut(word: string, parts: string[]): void {
    joined ??= neighbours(vocabulary);
    let start = 0;
    let previous = -1;
    for (let at = 0; at < word.length;) {
      const character = word.codePointAt(at)!;
      if (previous >= 0 && !joined.has(previous, character)) {
        parts.push(word.slice(start, at));
        start = at;
      }
      previous = character;
      at += character > 0xffff ? 2 : 1;
    }
    parts.push(word.slice(start));
  }

  return function splitWords(words: readonly string[]): string[] {
    const parts: string[] = [];
    for (const word of words) {
      if (word.length <= SHORT) parts.push(word);
      else cut(word, parts);
    }
    return parts;
  };
}

/** Every two characters that stand side by side in some token. */
function neighbours(vocabulary: Iterable<string>): Pairs {
  const pairs = new Pairs();
  for (const token of vocabulary) {
    let previous = -1;
    for (let at = 0; at < token.length;) {
      const character = token.codePointAt(at)!;
      if (previous >= 0) pairs.add(previous, character);
      previous = character;
      at += character > 0xffff ? 2 : 1;
    }
  }
  return pairs;
}

/** Pairs of code points. Those below U+0200, the letters of byte-level tokens among them, are found fast. */
class Pairs {
  readonly #low = new Uint8Array(0x200 * 0x200);
  readonly #others = new Set<number>();

  add(left: number, right: number): void {
    if (left < 0x200 && right < 0x200) this.#low[left * 0x200 + right] = 1;
    else this.#others.add(pairKey(left, right));
  }

  has(left: number, right: number): boolean {
    if (left < 0x200 && right < 0x200) return this.#low[left * 0x200 + right] === 1;
    return this.#others.has(pairKey(left, right));
  }
}

/** One number for two code points; exact, for it is below 2^42. */
function pairKey(left: number, right: number): number {
  return left * 0x20_0000 + right;
}
