/**
 * Everything that is fuzzed.
 *
 * @module
 */

import type { FuzzReader } from "../fuzz_reader.ts";
import { checkpointReader } from "./checkpoint_reader.ts";
import { configReader } from "./config_reader.ts";
import { familyFileReader } from "./family_file_reader.ts";
import { formatReaders } from "./format_readers.ts";
import { ggufReader } from "./gguf_reader.ts";
import { hubCacheReader } from "./hub_cache_reader.ts";
import { journalReader } from "./journal_reader.ts";
import { jsonlReader, parquetReader, rulesReader } from "./text_readers.ts";
import { tokenizerReader } from "./tokenizer_reader.ts";

/** Every reader. A new one is added here. */
export const allReaders: readonly FuzzReader[] = [
  checkpointReader,
  configReader,
  familyFileReader,
  ...formatReaders,
  ggufReader,
  tokenizerReader,
  hubCacheReader,
  journalReader,
  jsonlReader,
  parquetReader,
  rulesReader,
];

/** The reader of that name. */
export function findReader(name: string): FuzzReader {
  const found = allReaders.find((reader) => reader.name === name);
  if (found !== undefined) return found;
  throw new Error(`There is no reader ${name}: ${allReaders.map(({ name }) => name).join(", ")}`);
}
