/**
 * Restates parts of a `tokenizer.json` that the JavaScript library reads differently from the Rust one
 * which made the file, in parts that both read alike.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";

/** The words of GPT-2, with `\s` and the letter classes of Unicode. */
const GPT2_WORDS =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The definition with its pre-tokenizer and decoder restated:
 *
 * | part | how the two differ | restated as |
 * |---|---|---|
 * | `ByteLevel` with its own words | JavaScript's white space has U+FEFF and lacks U+0085 | `Split`, then `ByteLevel` without |
 * | `Metaspace` that splits | does not split | `Metaspace`, then `Split` |
 * | `Digits` | knows ASCII digits only | `Split` on `\p{N}` |
 * | `Split` that merges or inverts | splits everywhere, or drops | `Split` on a longer pattern |
 *
 * A `Metaspace` decoder of a tokenizer that puts no space in front takes one away: restated as `Replace`.
 */
export function alignDefinition(definition: JsonObject): JsonObject {
  return {
    ...definition,
    pre_tokenizer: alignPreTokenizer(definition.pre_tokenizer ?? null),
    decoder: alignDecoder(definition.decoder ?? null),
  };
}

function alignDecoder(part: Json): Json {
  if (!isJsonObject(part)) return part;
  if (part.type === "Sequence" && Array.isArray(part.decoders)) {
    return { ...part, decoders: part.decoders.map(alignDecoder) };
  }
  return part.type === "Metaspace" && prependScheme(part) === "never"
    ? { type: "Replace", pattern: { String: part.replacement ?? "▁" }, content: " " }
    : part;
}

function alignPreTokenizer(part: Json): Json {
  if (!isJsonObject(part)) return part;
  switch (part.type) {
    case "Sequence":
      return Array.isArray(part.pretokenizers)
        ? { ...part, pretokenizers: part.pretokenizers.map(alignPreTokenizer) }
        : part;
    case "ByteLevel":
      return part.use_regex === false ? part : alignByteLevel(part);
    case "Metaspace": {
      const marks = { ...part, prepend_scheme: prependScheme(part) };
      if (part.split === false) return marks;
      const mark = escapePattern(typeof part.replacement === "string" ? part.replacement : "▁");
      return sequence(marks, split(`${mark}(?:(?!${mark})[\\s\\S])*`));
    }
    case "Digits":
      return split(part.individual_digits === true ? "\\p{N}" : "\\p{N}+");
    case "Split":
      return alignSplit(part);
    default:
      return part;
  }
}

/** Older files say `add_prefix_space` instead. */
function prependScheme(metaspace: JsonObject): Json {
  return metaspace.prepend_scheme ?? (metaspace.add_prefix_space === false ? "never" : "always");
}

/** A space is put before the whole text, not before each word, so it must come before the split. */
function alignByteLevel(part: JsonObject): Json {
  const bytes = { ...part, use_regex: false, add_prefix_space: false };
  if (part.add_prefix_space !== true) return sequence(split(GPT2_WORDS), bytes);
  const space = { type: "Replace", pattern: { Regex: "\\A([^ ])" }, content: " $1" };
  return sequence(space, split(GPT2_WORDS), bytes);
}

function alignSplit(part: JsonObject): Json {
  const pattern = isJsonObject(part.pattern) ? part.pattern : {};
  const source = typeof pattern.Regex === "string"
    ? pattern.Regex
    : typeof pattern.String === "string"
    ? escapePattern(pattern.String)
    : undefined;
  if (source === undefined || source === "") return part;
  const other = `(?:(?!${source})[\\s\\S])`;
  const inverted = part.invert === true;
  switch (part.behavior) {
    case "Isolated":
      return inverted ? { ...part, invert: false } : part;
    case "MergedWithPrevious":
      return inverted ? part : split(`${other}*(?:${source})`);
    case "MergedWithNext":
      return inverted ? part : split(`(?:${source})${other}*`);
    case "Contiguous":
      return inverted ? part : split(`(?:${source})+`);
    case "Removed":
      // The library keeps the separators of a plain string; asked for what lies between, it does not.
      return inverted ? part : { ...split(`${other}+`), behavior: "Removed", invert: true };
    default:
      return part;
  }
}

function split(regex: string): JsonObject {
  return { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
}

function sequence(...parts: Json[]): JsonObject {
  return { type: "Sequence", pretokenizers: parts };
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
