/**
 * Byte-level byte-pair tokenizers in a GGUF file.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { GgufValue } from "./gguf_value.ts";
import { preTokenizerName } from "./pre_tokenizer_name.ts";
import { TOKEN_TYPES, type TokenizerMetadata, type VocabularyToken } from "./tokenizer_metadata.ts";

/** What llama.cpp does otherwise under a name. */
const WARNINGS: Readonly<Record<string, string>> = {
  falcon:
    "llama.cpp keeps a space before digits with them and does not cut other scripts at bytes that look like " +
    "digits, as Falcon's tokenizer.json does: it may cut numbers and other scripts differently",
};

/**
 * The model `gpt2`: tokens, kinds, merges, and the name of the way words are cut.
 *
 * @throws {SalientError} `input` where llama.cpp does not know that way.
 */
export function byteLevelMetadata(
  definition: JsonObject,
  tokens: readonly VocabularyToken[],
  merges: readonly (readonly [string, string])[],
): TokenizerMetadata {
  const pre = preTokenizerName(definition);
  if (pre === undefined) {
    throw new SalientError(
      "input",
      "Format gguf has no name for the way this tokenizer.json cuts text into words (pre_tokenizer): choose another format",
    );
  }
  const types = Int32Array.from(tokens, ({ kind }) => TOKEN_TYPES[kind]);
  return {
    values: new Map<string, GgufValue>([
      ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
      ["tokenizer.ggml.pre", { type: "string", value: pre }],
      ["tokenizer.ggml.tokens", { type: "strings", value: tokens.map(({ text }) => text) }],
      ["tokenizer.ggml.token_type", { type: "i32s", value: types }],
      ["tokenizer.ggml.merges", { type: "strings", value: merges.map((pair) => pair.join(" ")) }],
    ]),
    warning: WARNINGS[pre],
  };
}
