/**
 * A plain text file as a source: one document, the whole file.
 *
 * @module
 */

import { readTextFile } from "../text_file.ts";
import type { SourceDocument, TextSource } from "./document.ts";

/** A UTF-8 text file. */
export function textSource(path: string): TextSource {
  return {
    name: path,
    async *documents(): AsyncGenerator<SourceDocument> {
      yield { kind: "text", text: await readTextFile(path) };
    },
  };
}
