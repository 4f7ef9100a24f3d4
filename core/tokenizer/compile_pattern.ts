/**
 * Patterns of a tokenizer file as JavaScript has them.
 *
 * @module
 */

import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json } from "../checkpoint/types.ts";
import { checkPattern } from "./check_pattern.ts";

/**
 * A `pattern`, which is `{ "String": … }` or `{ "Regex": … }` in the syntax of Oniguruma, with the flags `g` and `u`.
 *
 * @throws {Error} Where it is none, or could run for ages.
 */
export function compilePattern(part: Json | undefined): RegExp {
  const pattern = isJsonObject(part) ? part : {};
  if (typeof pattern.String === "string") return new RegExp(RegExp.escape(pattern.String), "gu");
  if (typeof pattern.Regex !== "string") throw new Error("A part of it has no pattern");
  checkPattern(pattern.Regex);
  const restated = { type: "Split", behavior: "Isolated", invert: true } as const;
  const { pattern: made } = new SplitPreTokenizer({
    ...restated,
    pattern: { Regex: pattern.Regex },
  });
  if (made === null) throw new Error("A regular expression of it is not read");
  return made;
}
