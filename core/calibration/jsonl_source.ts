/**
 * A JSONL file as a source: an object a line, with `text` or with `messages`.
 *
 * @module
 */

import { openRegularFile, readError } from "../checkpoint/open_regular_file.ts";
import { SalientError } from "../errors.ts";
import { refuseDirectory } from "../text_file.ts";
import { checkMessages } from "./chat_messages.ts";
import type { SourceDocument, TextSource } from "./document.ts";

const NEWLINE = 0x0a;
const READ_BYTES = 2 ** 18;
/** Longest line; a whole book has about a megabyte. */
const MOST_LINE_BYTES = 64 * 2 ** 20;

/**
 * A JSONL file, read line by line. Empty lines are passed over; other lines must hold an object.
 *
 * @param path The file.
 * @param column The key that holds the text or the messages. Default `text`, else `messages`.
 */
export function jsonlSource(path: string, column?: string): TextSource {
  return {
    name: path,
    async *documents(): AsyncGenerator<SourceDocument> {
      let number = 0;
      for await (const bytes of readLines(path)) {
        number++;
        const document = parseLine(bytes, path, number, column);
        if (document !== undefined) yield document;
      }
    },
  };
}

function parseLine(
  bytes: Uint8Array,
  path: string,
  number: number,
  column: string | undefined,
): SourceDocument | undefined {
  const place = `${path}, line ${number}`;
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
    if (text === "") return undefined;
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse("is not valid JSON in UTF-8; every line must be one object", cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse('does not hold an object; give objects with "text" or "messages"');
  }
  const fields = value as Record<string, unknown>;
  const key = column ?? (Object.hasOwn(fields, "text") ? "text" : "messages");
  if (!Object.hasOwn(fields, key)) {
    const wanted = column === undefined ? '"text" or "messages"' : JSON.stringify(column);
    throw refuse(`has no ${wanted}; choose the key with FILE#KEY`);
  }
  const found = fields[key];
  if (typeof found === "string") return { kind: "text", text: found };
  if (Array.isArray(found)) {
    return { kind: "chat", messages: checkMessages(found, place, path), place };
  }
  throw refuse(`has neither text nor messages in ${JSON.stringify(key)}`);

  function refuse(what: string, cause?: unknown): SalientError {
    return new SalientError("input", `${place} ${what}`, { file: path, cause });
  }
}

/** The lines of a file without their ends. The bytes are valid until the next line is asked for. */
async function* readLines(path: string): AsyncGenerator<Uint8Array> {
  await refuseDirectory(path, "a JSONL file");
  using file = await openRegularFile(path);
  let pending = new Uint8Array(READ_BYTES);
  let filled = 0;
  let number = 1;
  while (true) {
    if (filled === pending.length) {
      if (filled >= MOST_LINE_BYTES) {
        throw new SalientError(
          "input",
          `${path}, line ${number} is longer than ${MOST_LINE_BYTES} bytes: cut its text`,
          { file: path },
        );
      }
      const larger = new Uint8Array(2 * filled);
      larger.set(pending);
      pending = larger;
    }
    const searched = filled;
    let count: number | null;
    try {
      count = await file.handle.read(pending.subarray(filled));
    } catch (cause) {
      throw readError(path, cause);
    }
    if (count === null) break;
    filled += count;
    let start = 0;
    let end = pending.subarray(0, filled).indexOf(NEWLINE, searched);
    while (end >= 0) {
      yield pending.subarray(start, end);
      number++;
      start = end + 1;
      end = pending.subarray(0, filled).indexOf(NEWLINE, start);
    }
    pending.copyWithin(0, start, filled);
    filled -= start;
  }
  if (filled > 0) yield pending.subarray(0, filled);
}
