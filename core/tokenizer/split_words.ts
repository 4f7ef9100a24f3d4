/**
 * Cuts text at the matches of a pattern.
 *
 * @module
 */

import { eachMatch } from "./each_match.ts";

/** What becomes of the matches; the names are those of `tokenizer.json`. */
export type SplitBehavior =
  | "Isolated"
  | "Removed"
  | "Contiguous"
  | "MergedWithPrevious"
  | "MergedWithNext";

/** What {@linkcode splitWords} needs to know. */
export interface SplitOptions {
  /** What is looked for; with the flag `g`. */
  readonly pattern: RegExp;
  /** What becomes of the matches. */
  readonly behavior: SplitBehavior;
  /** Whether what lies between the matches counts as matches, and they do not. */
  readonly invert: boolean;
}

/** The words of a text, in order; none is empty. */
export function splitWords(text: string, options: SplitOptions): string[] {
  const { pattern, behavior, invert } = options;
  if (behavior === "Isolated") return isolate(text, pattern);
  /** Ends of parts, and whether each is a match; the parts lie side by side. */
  const ends: number[] = [];
  const matches: boolean[] = [];
  let done = 0;
  eachMatch(pattern, text, (start, stop) => {
    if (start > done) {
      ends.push(start);
      matches.push(invert);
    }
    if (stop > start) {
      ends.push(stop);
      matches.push(!invert);
    }
    done = stop;
  });
  if (done < text.length) {
    ends.push(text.length);
    matches.push(invert);
  }
  const words: string[] = [];
  let start = 0;
  for (let part = 0; part < ends.length; part++) {
    if (part + 1 < ends.length && joins(behavior, matches, part)) continue;
    const isRemoved = behavior === "Removed" && matches[part];
    if (!isRemoved) words.push(text.slice(start, ends[part]));
    start = ends[part]!;
  }
  return words;
}

/** Matches and what lies between them, each a word. */
function isolate(text: string, pattern: RegExp): string[] {
  const words: string[] = [];
  let done = 0;
  eachMatch(pattern, text, (start, stop) => {
    if (start > done) words.push(text.slice(done, start));
    if (stop > start) words.push(text.slice(start, stop));
    done = stop;
  });
  if (done < text.length) words.push(text.slice(done));
  return words;
}

/** Whether a part belongs to the same word as the next one. */
function joins(behavior: SplitBehavior, matches: readonly boolean[], part: number): boolean {
  const [here, next] = [matches[part], matches[part + 1]];
  switch (behavior) {
    case "Contiguous":
      return here === next;
    case "MergedWithPrevious":
      return next === true && here === false;
    case "MergedWithNext":
      return here === true && next === false;
    default:
      return false;
  }
}
