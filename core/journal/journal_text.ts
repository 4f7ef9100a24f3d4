/**
 * The JSON texts of a journal.
 *
 * @module
 */

import { parseJson } from "../checkpoint/parse_json.ts";

/** Key of an object that stands for a number which JSON does not have. */
const ODD = "not finite";

/** A value as JSON, with NaN and infinities written so that they can be read back. */
export function toJournalText(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each !== "number" || Number.isFinite(each)) return each;
    return { [ODD]: String(each) };
  });
}

/**
 * The value of a text of {@linkcode toJournalText}.
 *
 * @throws {SalientError} `input` if it is no JSON.
 */
export function fromJournalText(text: string, file: string): unknown {
  parseJson(text, { file, depth: 16 });
  return JSON.parse(text, (_, each: unknown) => {
    if (typeof each !== "object" || each === null || !Object.hasOwn(each, ODD)) return each;
    return Number((each as Record<string, unknown>)[ODD]);
  });
}
