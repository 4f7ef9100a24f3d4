/**
 * Guesses what somebody meant to type.
 *
 * @module
 */

/**
 * The name that is nearest to what was typed, or undefined where none is near: one that begins with it, or
 * the one with the fewest letters put in, left out or exchanged, up to a third of its length.
 */
export function closestName(typed: string, names: Iterable<string>): string | undefined {
  const wanted = typed.toLowerCase();
  let best: string | undefined;
  let least = Infinity;
  for (const name of names) {
    const begins = wanted.length >= 2 && name.startsWith(wanted);
    const distance = begins ? 0 : editDistance(wanted, name);
    if (distance < least && distance <= name.length / 3) {
      best = name;
      least = distance;
    }
  }
  return best;
}

/** Letters to put in, leave out or exchange to make one word of the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  // row[j]: distance between the first letters of a so far and the first j letters of b.
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(exchanged, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
