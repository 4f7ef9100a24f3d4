/**
 * Output that was shown against output that came.
 *
 * @module
 */

/** Figures with a fraction may differ by that much of them, those that are differences in percent by one point. */
const TOLERANCE = 0.01;

/**
 * The first line of `shown` that is not in `found`, or undefined. Lines must come in the order shown; there may be
 * others between them, and a line may go on. Seconds and memory at run time do not count.
 */
export function sameOutput(shown: string, found: string): string | undefined {
  const lines = found.split("\n");
  let at = 0;
  for (const line of shown.split("\n").filter((line) => line.trim() !== "")) {
    while (at < lines.length && !sameLine(line, lines[at] ?? "")) at++;
    if (at === lines.length) return line;
    at++;
  }
  return undefined;
}

function sameLine(shown: string, found: string): boolean {
  const [a, b] = [words(shown), words(found)];
  if (b.length < a.length) return false;
  return a.every((word, i) => sameWord(word, b[i] ?? ""));
}

function words(line: string): string[] {
  return line
    .replaceAll(/\d+ min \d+ s/g, "TIME")
    .replaceAll(/[\d.]+ s\b/g, "TIME")
    .replaceAll(/peak memory [\d.]+ \w+/g, "peak memory")
    .replaceAll(/([+-][\d.]+) %/g, "$1%")
    .split(/\s+/)
    .filter((word) => word !== "");
}

function sameWord(shown: string, found: string): boolean {
  if (shown === found) return true;
  if (/^[+-][\d.]+%$/.test(shown) && /^[+-][\d.]+%$/.test(found)) {
    return Math.abs(parseFloat(shown) - parseFloat(found)) < 100 * TOLERANCE;
  }
  if (!/^\d+\.\d+$/.test(shown) || !/^\d+\.\d+$/.test(found)) return false;
  return Math.abs(Number(found) / Number(shown) - 1) < TOLERANCE;
}
