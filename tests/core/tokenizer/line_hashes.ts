/**
 * Hashes of what a tokenizer makes of some lines; `tools/tokenizer_hashes.py` is the same for the Rust library.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Tokenizer } from "../../../core/tokenizer/types.ts";

/** Digits of a hash. */
export const DIGITS = 6;

/** Ids with special tokens, ids without, text of the former, text of the former backwards. */
export function lineParts(tokenizer: Tokenizer, line: string): string[] {
  const ids = tokenizer.encode(line);
  const bare = tokenizer.encode(line, { specialTokens: false });
  return [ids.join(" "), bare.join(" "), tokenizer.decode(ids), tokenizer.decode(ids.toReversed())];
}

/** The hash of each line. */
export function lineHashes(tokenizer: Tokenizer, lines: readonly string[]): string[] {
  return lines.map((line) => {
    const hash = createHash("sha256").update(lineParts(tokenizer, line).join("\n"));
    return hash.digest("hex").slice(0, DIGITS);
  });
}

/** The hashes in a golden text. */
export function cutHashes(golden: string): string[] {
  return golden.match(new RegExp(`.{${DIGITS}}`, "g")) ?? [];
}
