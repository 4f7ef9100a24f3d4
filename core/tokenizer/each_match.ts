/**
 * Runs a pattern of a tokenizer file over a text.
 *
 * @module
 */

import process from "node:process";

/** Matches between two looks at the clock. */
const BATCH = 256;

/** Longest time for a text: this, and as much for each MiB of it; real patterns take a fiftieth. */
const SECONDS = 20;

/**
 * Visits the matches in order. `checkPattern` keeps a single match within one pass over the text; that there
 * are not too many such passes is seen here.
 *
 * @param pattern With the flags `g` and `u`.
 * @param seconds The time that counts for `SECONDS`, for tests.
 * @throws {Error} Where it takes too long.
 */
export function eachMatch(
  pattern: RegExp,
  text: string,
  visit: (start: number, stop: number) => void,
  seconds: number = SECONDS,
): void {
  const most = seconds * (1 + text.length / 2 ** 20);
  const watch = text.length < 1024 ? undefined : stopwatch();
  let count = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const start = match.index;
    const stop = start + match[0].length;
    visit(start, stop);
    if (start === stop) pattern.lastIndex += (text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
    if (++count % BATCH === 0 && watch !== undefined && watch() > most) {
      throw new Error("its regular expression takes too long on this text");
    }
  }
}

/** Seconds since now: of the clock or of the processor, whichever are less. One goes on while the program is
 * stopped, the other faster where other threads work. */
function stopwatch(): () => number {
  const clock = performance.now();
  const before = process.cpuUsage();
  return function elapsed(): number {
    const wall = (performance.now() - clock) / 1e3;
    if (wall < 1) return wall;
    const { user, system } = process.cpuUsage(before);
    return Math.min(wall, (user + system) / 1e6);
  };
}
