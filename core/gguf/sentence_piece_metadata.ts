/**
 * Byte-pair tokenizers in the manner of SentencePiece in a GGUF file.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import type { GgufValue } from "./gguf_value.ts";
import { TOKEN_TYPES, type TokenizerMetadata, type VocabularyToken } from "./tokenizer_metadata.ts";

/**
 * The model `llama`: tokens, kinds and scores. llama.cpp joins the neighbours whose joined token has the highest
 * score, so a token's score is the negative place of the first merge that makes it. It takes any two
 * neighbours that make a token, also those that no merge names: where a vocabulary has such, a warning says so.
 */
export function sentencePieceMetadata(
  definition: JsonObject,
  tokens: readonly VocabularyToken[],
  merges: readonly (readonly [string, string])[],
): TokenizerMetadata {
  const places = new Map<string, number>();
  for (const [place, [left, right]] of merges.entries()) {
    if (!places.has(left + right)) places.set(left + right, place);
  }
  const least = -merges.length - 1;
  const scores = Float32Array.from(tokens, ({ text, kind }) => {
    const place = places.get(text);
    return kind !== "normal" || isByte(text) ? 0 : place === undefined ? least : 0 - place;
  });
  const unknown = isJsonObject(definition["model"] ?? null)
    ? (definition["model"] as JsonObject)["unk_token"]
    : undefined;
  const types = Int32Array.from(tokens, ({ text, kind }) => {
    if (text === unknown) return TOKEN_TYPES.unknown;
    return kind === "normal" && isByte(text) ? TOKEN_TYPES.byte : TOKEN_TYPES[kind];
  });
  const others = unnamedJoins(tokens, merges, places);
  const warnings: string[] = [];
  if (others > 0) {
    warnings.push(
      `${others} tokens can be joined in ways that tokenizer.json has no merge for: llama.cpp may cut some words differently`,
    );
  }
  if (tokens.filter(({ text }) => isByte(text)).length < 256) {
    warnings.push(
      "the vocabulary lacks tokens for single bytes: llama.cpp fails on characters that are not in it",
    );
  }
  return {
    values: new Map<string, GgufValue>([
      ["tokenizer.ggml.model", { type: "string", value: "llama" }],
      ["tokenizer.ggml.pre", { type: "string", value: "default" }],
      ["tokenizer.ggml.tokens", { type: "strings", value: tokens.map(({ text }) => text) }],
      ["tokenizer.ggml.scores", { type: "f32s", value: scores }],
      ["tokenizer.ggml.token_type", { type: "i32s", value: types }],
      ["tokenizer.ggml.add_space_prefix", { type: "bool", value: addsSpace(definition) }],
    ]),
    warning: warnings.length === 0 ? undefined : warnings.join("; "),
  };
}

function isByte(text: string): boolean {
  return /^<0x[0-9A-F]{2}>$/.test(text);
}

/** Tokens that two others make without a merge of their own. */
function unnamedJoins(
  tokens: readonly VocabularyToken[],
  merges: readonly (readonly [string, string])[],
  places: ReadonlyMap<string, number>,
): number {
  const known = new Set(tokens.filter(({ kind }) => kind === "normal").map(({ text }) => text));
  const named = new Set(merges.map(([left, right]) => `${left}\0${right}`));
  let count = 0;
  for (const text of places.keys()) {
    const letters = [...text];
    for (let cut = 1; cut < letters.length; cut++) {
      const left = letters.slice(0, cut).join("");
      const right = letters.slice(cut).join("");
      if (!known.has(left) || !known.has(right) || named.has(`${left}\0${right}`)) continue;
      count++;
      break;
    }
  }
  return count;
}

/** Whether a space is put before the text. */
function addsSpace(definition: JsonObject): boolean {
  function find(part: Json | undefined): boolean {
    if (!isJsonObject(part ?? null)) return false;
    const step = part as JsonObject;
    if (step["type"] === "Prepend") return true;
    if (step["type"] === "Metaspace") {
      return (step["prepend_scheme"] ??
        (step["add_prefix_space"] === false ? "never" : "always")) !==
        "never";
    }
    const inner = step["normalizers"] ?? step["pretokenizers"] ?? [];
    return Array.isArray(inner) && inner.some(find);
  }
  return find(definition["normalizer"]) || find(definition["pre_tokenizer"]);
}
