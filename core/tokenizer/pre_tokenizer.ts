/**
 * How a text is cut into words before the model sees it.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { byteLetters } from "./byte_letters.ts";
import { compilePattern } from "./compile_pattern.ts";
import { type SplitBehavior, splitWords } from "./split_words.ts";

/** Cuts a text. `isFirst`: whether nothing stands before it. */
export type PreTokenizer = (text: string, isFirst: boolean) => string[];

/** The words of GPT-2. */
const GPT2_WORDS =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** ASCII's punctuation has signs that Unicode counts as symbols. */
const PUNCTUATION = "[\\p{P}$+<=>^`|~]";

const BEHAVIORS: readonly string[] = [
  "Isolated",
  "Removed",
  "Contiguous",
  "MergedWithPrevious",
  "MergedWithNext",
];

/**
 * The pre-tokenizer of a `tokenizer.json`, with the words that the Rust library cuts. The JavaScript library is
 * asked for its reading of regular expressions only: its own parts differ in behaviours of `Split`, which digits and
 * punctuation there are, when `Metaspace` splits, and what is white space.
 *
 * @throws {Error} Where a part is of an unknown kind, or a regular expression is not one or could run for ages.
 */
export function makePreTokenizer(part: Json): PreTokenizer {
  if (!isJsonObject(part)) return (text) => [text];
  switch (part.type) {
    case "Sequence":
      return sequence(Array.isArray(part.pretokenizers) ? part.pretokenizers : []);
    case "ByteLevel":
      return byteLevel(part);
    case "Metaspace":
      return metaspace(part);
    case "Split":
      return split(part.pattern, part.behavior, part.invert === true);
    case "Digits":
      return split(
        { Regex: "\\p{N}" },
        part.individual_digits === true ? "Isolated" : "Contiguous",
      );
    case "Punctuation":
      return split({ Regex: PUNCTUATION }, part.behavior ?? "Isolated");
    case "Whitespace":
      return split({ Regex: "\\w+|[^\\w\\s]+" }, "Removed", true);
    case "WhitespaceSplit":
      return split({ Regex: "\\s" }, "Removed");
    case "CharDelimiterSplit":
      return split({ String: part.delimiter ?? "" }, "Removed");
    case "BertPreTokenizer":
      return sequence([{ type: "WhitespaceSplit" }, { type: "Punctuation" }]);
    default:
      throw new Error(`Unknown pre-tokenizer ${String(part.type)}`);
  }
}

function sequence(parts: readonly Json[]): PreTokenizer {
  const steps = parts.map(makePreTokenizer);
  return function cutInSteps(text, isFirst): string[] {
    let words = [text];
    for (const step of steps) {
      // Not flatMap: it is several times slower.
      const next: string[] = [];
      for (const [index, word] of words.entries()) {
        for (const cut of step(word, isFirst && index === 0)) next.push(cut);
      }
      words = next;
    }
    return words;
  };
}

function byteLevel(part: JsonObject): PreTokenizer {
  const words = part.use_regex === false ? undefined : split({ Regex: GPT2_WORDS }, "Isolated");
  const addsSpace = part.add_prefix_space !== false;
  return function cutIntoBytes(text, isFirst): string[] {
    const spaced = addsSpace && !text.startsWith(" ") ? ` ${text}` : text;
    return (words?.(spaced, isFirst) ?? [spaced]).map(byteLetters);
  };
}

function metaspace(part: JsonObject): PreTokenizer {
  const mark = typeof part.replacement === "string" ? part.replacement : "▁";
  // Older files say add_prefix_space instead.
  const scheme = part.prepend_scheme ?? (part.add_prefix_space === false ? "never" : "always");
  const cut = part.split === false ? undefined : split({ String: mark }, "MergedWithNext");
  return function cutAtMarks(text, isFirst): string[] {
    let marked = text.replaceAll(" ", mark);
    const prepends = scheme === "always" || (scheme === "first" && isFirst);
    if (prepends && !marked.startsWith(mark)) marked = mark + marked;
    return cut?.(marked, isFirst) ?? [marked];
  };
}

function split(given: Json | undefined, behavior: Json | undefined, invert = false): PreTokenizer {
  if (isJsonObject(given) && given.String === "") return (text) => [text];
  if (!BEHAVIORS.includes(behavior as string)) throw new Error(`Unknown split ${String(behavior)}`);
  const pattern = compilePattern(given);
  const options = { pattern, behavior: behavior as SplitBehavior, invert };
  return (text) => splitWords(text, options);
}
