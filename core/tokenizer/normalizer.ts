/**
 * How a text is changed before it is cut into words.
 *
 * @module
 */

import { BertNormalizer } from "@huggingface/tokenizers";
import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { byteLetters } from "./byte_letters.ts";
import { compilePattern } from "./compile_pattern.ts";
import { eachMatch } from "./each_match.ts";
import { makeCharsmapNormalizer, makePrecompiledNormalizer } from "./precompiled_normalizer.ts";

/** Longest text that something is replaced with. */
const LONGEST_CONTENT = 256;

/** How much longer a text may become; NFKC makes eighteen characters of one. */
const MOST_GROWTH = 32;

/** Changes a text. */
export type Normalizer = (text: string) => string;

/**
 * The normalizer of a `tokenizer.json`; undefined where it has none.
 *
 * @throws {Error} Where a part is of an unknown kind or damaged.
 */
export function makeNormalizer(part: Json): Normalizer | undefined {
  if (!isJsonObject(part)) return undefined;
  switch (part.type) {
    case "Sequence": {
      const parts = Array.isArray(part.normalizers) ? part.normalizers : [];
      const steps = parts.map(makeNormalizer).filter((step) => step !== undefined);
      return (text) => steps.reduce((done, step) => checkLength(step(done), text.length), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = part.type;
      return (text) => text.normalize(form);
    }
    case "Prepend": {
      const prefix = String(part.prepend ?? "");
      return (text) => text === "" ? text : prefix + text;
    }
    case "Replace":
      return makeReplacement(part);
    case "Precompiled":
      return makePrecompiledNormalizer(String(part.precompiled_charsmap ?? ""));
    case "Charsmap":
      // Not in files: of a tokenizer.model.
      return makeCharsmapNormalizer(String(part.precompiled_charsmap ?? ""));
    case "Strip":
      return strip(part);
    case "StripAccents":
      return (text) => text.replace(/\p{M}+/gu, "");
    case "Lowercase":
      // A letter at a time: a sigma at the end of a word is one like any other.
      return (text) => text.replace(/[A-Z]+|[^\0-\x7f]/gu, (letters) => letters.toLowerCase());
    case "ByteLevel":
      return byteLetters;
    case "BertNormalizer": {
      const library = new BertNormalizer({ ...part, type: "BertNormalizer" });
      return (text) => library.normalize(text);
    }
    default:
      throw new Error(`Unknown normalizer ${String(part.type)}`);
  }
}

/**
 * A part of the type `Replace`, of normalizers and of decoders.
 *
 * @throws {Error} Where its pattern is none.
 */
export function makeReplacement(part: JsonObject): Normalizer {
  const content = String(part.content ?? "");
  if (content.length > LONGEST_CONTENT) throw new Error("A replacement of it is too long");
  const plain = isJsonObject(part.pattern) ? part.pattern.String : undefined;
  if (typeof plain === "string") {
    return plain === "" ? (text) => text : (text) => text.split(plain).join(content);
  }
  const pattern = compilePattern(part.pattern);
  return function replace(text): string {
    let [made, done] = ["", 0];
    eachMatch(pattern, text, (start, stop) => {
      made += text.slice(done, start) + content;
      done = stop;
    });
    return made + text.slice(done);
  };
}

function checkLength(made: string, given: number): string {
  if (made.length <= MOST_GROWTH * (given + 1000)) return made;
  throw new Error("its normalizer makes the text too long");
}

function strip(part: JsonObject): Normalizer {
  const [left, right] = [part.strip_left === true, part.strip_right === true];
  return function stripSpace(text): string {
    let [start, stop] = [0, text.length];
    while (left && start < stop && isSpace(text, start)) start++;
    while (right && stop > start && isSpace(text, stop - 1)) stop--;
    return text.slice(start, stop);
  };
}

function isSpace(text: string, at: number): boolean {
  return /\p{White_Space}/u.test(text.charAt(at));
}
