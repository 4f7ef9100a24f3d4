/**
 * Chats as data sets write them.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { ChatMessage } from "../tokenizer/types.ts";

/**
 * Checks that a value is a list of `{ role, content }`, both text.
 *
 * @param value What the data set holds.
 * @param place Where it stands, for the error, for example `chats.jsonl, line 3`.
 * @param file The file at hand.
 * @throws {SalientError} `input`, naming the place.
 */
export function checkMessages(value: unknown, place: string, file: string): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong("is not a list of messages");
  return value.map((entry: unknown): ChatMessage => {
    if (typeof entry !== "object" || entry === null) throw wrong("holds something else");
    const { role, content } = entry as { role?: unknown; content?: unknown };
    if (typeof role !== "string" || typeof content !== "string") {
      throw wrong("has a message without a role or content in text");
    }
    return { role, content };
  });

  function wrong(what: string): SalientError {
    return new SalientError(
      "input",
      `${place}: "messages" ${what}; a chat is [{ "role": "user", "content": "..." }, ...]`,
      { file },
    );
  }
}
