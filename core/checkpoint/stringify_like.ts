/**
 * JSON whose numbers stay written as they were.
 *
 * @module
 */

import type { Json } from "./types.ts";

/** What the engine has for numbers by their text and the libraries of types do not know yet. */
interface RawJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}

const RAW = JSON as unknown as RawJson;

/**
 * `value` as indented JSON. A number that stands in `original` at the same place with the same value keeps its text:
 * 1.0 does not become 1, which transformers refuses where a configuration's field is a float.
 *
 * @param original JSON text that was parsed without an error before.
 */
export function stringifyLike(value: Json, original: string): string {
  const before = RAW.parse(original, (_, read, { source }) => {
    return typeof read === "number" && source !== undefined ? RAW.rawJSON(source) : read;
  });
  return JSON.stringify(withTexts(value, before), null, 2);
}

/** `value` with numbers in place whose text is known. */
function withTexts(value: unknown, before: unknown): unknown {
  if (typeof value === "number") {
    return RAW.isRawJSON(before) && Number(before.rawJSON) === value ? before : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (typeof before !== "object" || before === null) return value;
  if (Array.isArray(value)) {
    return Array.isArray(before) ? value.map((item, i) => withTexts(item, before[i])) : value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const there = Object.hasOwn(before, key);
      return [key, withTexts(item, there ? (before as Record<string, unknown>)[key] : undefined)];
    }),
  );
}
