/**
 * A file as a source, by its name's ending.
 *
 * @module
 */

import type { TextSource } from "./document.ts";
import { jsonlSource } from "./jsonl_source.ts";
import { parquetSource } from "./parquet_source.ts";
import { textSource } from "./text_source.ts";

/**
 * Reads `.jsonl` and `.ndjson` as JSONL, `.parquet` as parquet, everything else as one plain text.
 *
 * @param path The file. For JSONL and parquet, `#NAME` after the ending chooses the key or column.
 * @param column The same, where the path does not choose one.
 */
export function fileSource(path: string, column?: string): TextSource {
  const match = /^(.*\.(jsonl|ndjson|parquet))(?:#(.+))?$/is.exec(path);
  if (match === null) return textSource(path);
  const [, file = path, ending = "", named] = match;
  return ending.toLowerCase() === "parquet"
    ? parquetSource(file, named ?? column)
    : jsonlSource(file, named ?? column);
}
