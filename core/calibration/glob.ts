/**
 * File patterns of `npm:` sources.
 *
 * @module
 */

/**
 * Makes a test for paths: `*` stands for any characters but `/`, `?` for one of them, `[1-9]` for one of
 * a set, `[!0]` for one that is not in it. Everything else stands for itself.
 */
export function globTest(pattern: string): (path: string) => boolean {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    const close = character === "[" ? pattern.indexOf("]", at + 2) : -1;
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (close > 0) {
      const negated = pattern[at + 1] === "!";
      const members = pattern.slice(at + (negated ? 2 : 1), close).replace(/[\\\]\[^]/g, "\\$&");
      source += negated ? `[^/${members}]` : `[${members}]`;
      at = close;
    } else source += character.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  }
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`);
  } catch {
    // A set like [9-1]: no path is in it.
    return () => false;
  }
  return (path) => expression.test(path);
}
