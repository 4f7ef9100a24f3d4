/**
 * Tokens in `tokenizer_config.json`.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json } from "../checkpoint/types.ts";

/** A token's text: a text, or an object with a `content`. */
export function tokenText(value: Json | undefined): string | undefined {
  if (typeof value === "string") return value;
  return isJsonObject(value) && typeof value.content === "string" ? value.content : undefined;
}
