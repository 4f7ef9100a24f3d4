/**
 * Runs a pattern of a tokenizer file over a text.
 *
 * @module
 */

/** Matches between two looks at the clock. */
const BATCH = 1024;

/** Longest time for a text: this, and as much for each MiB of it; real patterns take a fiftieth. */
const SECONDS = 20;

/**
 * Visits the matches in order. `checkPattern` keeps a single match within one pass over the text; that there
 * are not too many such passes is seen here.
 *
 * @param pattern With the flags `g` and `u`.
 * @throws {Error} Where it takes too long.
 */
export function eachMatch(
  pattern: RegExp,
  text: string,
  visit: (start: number, stop: number) => void,
): void {
  const latest = performance.now() + 1000 * SECONDS * (1 + text.length / 2 ** 20);
  let count = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const start = match.index;
    const stop = start + match[0].length;
    visit(start, stop);
    if (start === stop) pattern.lastIndex += (text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
    if (++count % BATCH === 0 && performance.now() > latest) {
      throw new Error("its regular expression takes too long on this text");
    }
  }
}
