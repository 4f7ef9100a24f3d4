/**
 * Sources of text by what the user wrote.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { DEFAULT_SOURCES } from "./default_sources.ts";
import type { SourceDocument, TextSource } from "./document.ts";
import { fileSource } from "./file_source.ts";
import { npmSource } from "./npm_source.ts";

/**
 * Opens a source of text: `default`, `held-out`, `npm:PACKAGE[/PATH]`, or a file (`.jsonl`, `.parquet`, or
 * anything else as plain text). Nothing is read before its documents are asked for.
 *
 * @param source What the user wrote; a file named like one of the words is given as `./default`.
 * @param column Key or column of JSONL and parquet; `FILE#COLUMN` is the same.
 * @throws {SalientError} `usage` where it is empty or not a package's name.
 */
export function openSource(source: string, column?: string): TextSource {
  if (source.trim() === "") {
    throw new SalientError(
      "usage",
      "The source of text is empty: give a file, npm:PACKAGE or default",
    );
  }
  const named = DEFAULT_SOURCES.get(source);
  if (named === undefined) {
    return source.startsWith("npm:") ? npmSource(source, column) : fileSource(source, column);
  }
  return {
    name: source,
    async *documents(): AsyncGenerator<SourceDocument> {
      for (const part of named) yield* npmSource(part).documents();
    },
  };
}
