/**
 * Text to measure with.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { openSource } from "./open_source.ts";

/** Longest text, in UTF-16 code units; tokenizing it takes about a minute. */
const MOST_LENGTH = 64 * 2 ** 20;

/** A text and where it is from. */
export interface NamedText {
  /** The text. */
  readonly text: string;
  /** Where it is from, for people. */
  readonly name: string;
}

/**
 * Reads a whole source as one text: a file, `npm:PACKAGE[/PATH]`, `default` or `held-out`. Several
 * documents are joined by an empty line.
 *
 * @example The addresses the embedded model never saw
 * ```ts
 * import { readText } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const { text } = await readText("held-out");
 * assert.match(text, /State of the Union/);
 * ```
 *
 * @param source What the user wrote.
 * @throws {SalientError} `input` where a file is missing, unreadable, not text or empty, where the source
 * holds chats, or where the text is too long to be one.
 */
export async function readText(source: string): Promise<NamedText> {
  const opened = openSource(source);
  const texts: string[] = [];
  let length = 0;
  for await (const document of opened.documents()) {
    if (document.kind === "chat") {
      throw new SalientError(
        "input",
        `${document.place} is a chat, but plain text is wanted: choose a text with FILE#COLUMN`,
        { file: opened.name },
      );
    }
    texts.push(document.text);
    length += document.text.length + 2;
    if (length > MOST_LENGTH) {
      throw new SalientError(
        "input",
        `${opened.name} has more than ${MOST_LENGTH} characters: cut it, one text is kept in memory`,
        { file: opened.name },
      );
    }
  }
  const text = texts.join("\n\n");
  if (text.trim() === "") {
    throw new SalientError("input", `${opened.name} holds no text: give another`, {
      file: opened.name,
    });
  }
  return { text, name: opened.name };
}
