/**
 * What llama.cpp calls the way a byte-level tokenizer cuts text into words.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";

const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 = LLAMA3.replace("\\p{N}{1,3}", "\\p{N}");
const TEKKEN =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const GPT4O =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** How Falcon cuts words, step by step. */
const FALCON: readonly JsonObject[] = [
  { type: "Punctuation", behavior: "Contiguous" },
  { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  { type: "Digits", individual_digits: false },
  { type: "Split", pattern: { Regex: "[0-9][0-9][0-9]" }, behavior: "Isolated", invert: false },
];

/** Patterns of words, and the pre-tokenizer of that name in llama.cpp (`ignore_merges` where it sets that). */
const PATTERNS: readonly {
  readonly pattern: string;
  readonly ignoreMerges: boolean;
  readonly name: string;
}[] = [
  { pattern: LLAMA3, ignoreMerges: true, name: "llama-bpe" },
  { pattern: LLAMA3, ignoreMerges: false, name: "dbrx" },
  { pattern: QWEN2, ignoreMerges: false, name: "qwen2" },
  { pattern: TEKKEN, ignoreMerges: true, name: "tekken" },
  { pattern: GPT4O, ignoreMerges: false, name: "gpt-4o" },
];

/**
 * The name, for example `llama-bpe`; undefined where llama.cpp is not known to have the same.
 *
 * @param definition The whole `tokenizer.json`, of a byte-level byte-pair model.
 */
export function preTokenizerName(definition: JsonObject): string | undefined {
  const model = isJsonObject(definition["model"] ?? null) ? definition["model"] as JsonObject : {};
  const ignoreMerges = model["ignore_merges"] === true;
  const steps = flatten(definition["pre_tokenizer"] ?? null);
  if (!ignoreMerges && isFalcon(steps) && !normalizes(definition["normalizer"] ?? null)) {
    return "falcon";
  }
  const last = steps.at(-1);
  if (last?.["type"] !== "ByteLevel" || last["add_prefix_space"] === true) return undefined;
  if (normalizes(definition["normalizer"] ?? null)) return undefined;
  const before = steps.slice(0, -1);
  if (last["use_regex"] !== false) {
    if (ignoreMerges) return undefined;
    if (before.length === 0) return "gpt-2";
    const digits = before.length === 1 && before[0]?.["type"] === "Digits" &&
      before[0]["individual_digits"] === true;
    return digits ? "smollm" : undefined;
  }
  const [split] = before;
  if (before.length !== 1 || split?.["type"] !== "Split" || split["behavior"] !== "Isolated") {
    return undefined;
  }
  const pattern = isJsonObject(split["pattern"] ?? null) ? split["pattern"] as JsonObject : {};
  return PATTERNS.find((known) =>
    known.pattern === pattern["Regex"] && known.ignoreMerges === ignoreMerges
  )?.name;
}

/** How a byte-level tokenizer cuts words, in the parts of `tokenizer.json`. */
export interface PreTokenizer {
  /** `pre_tokenizer`. */
  readonly preTokenizer: JsonObject;
  /** `ignore_merges` of the model. */
  readonly ignoreMerges: boolean;
}

/** Other names that llama.cpp has for the same. */
const SAME: Readonly<Record<string, string>> = {
  "llama3": "llama-bpe",
  "llama-v3": "llama-bpe",
  "smaug-bpe": "dbrx",
  "gpt2": "gpt-2",
};

/** The inverse of {@linkcode preTokenizerName}: undefined where the name is not known. */
export function preTokenizerOf(given: string): PreTokenizer | undefined {
  const name = Object.hasOwn(SAME, given) ? SAME[given] : given;
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  if (name === "gpt-2") return { preTokenizer: { ...bytes, use_regex: true }, ignoreMerges: false };
  if (name === "smollm") {
    const digits = { type: "Digits", individual_digits: true };
    return {
      preTokenizer: { type: "Sequence", pretokenizers: [digits, { ...bytes, use_regex: true }] },
      ignoreMerges: false,
    };
  }
  if (name === "falcon") {
    return { preTokenizer: { type: "Sequence", pretokenizers: FALCON }, ignoreMerges: false };
  }
  const known = PATTERNS.find((each) => each.name === name);
  if (known === undefined) return undefined;
  const pattern = { Regex: known.pattern };
  const split = { type: "Split", pattern, behavior: "Isolated", invert: false };
  return {
    preTokenizer: { type: "Sequence", pretokenizers: [split, { ...bytes, use_regex: false }] },
    ignoreMerges: known.ignoreMerges,
  };
}

function isFalcon(steps: readonly JsonObject[]): boolean {
  return steps.length === FALCON.length && FALCON.every((expected, i) => {
    const step = steps[i] ?? {};
    return Object.entries(expected).every(([key, value]) => {
      return JSON.stringify(step[key] ?? null) === JSON.stringify(value);
    });
  });
}

/** NFC changes next to nothing and llama.cpp leaves it out; anything else does. */
function normalizes(normalizer: Json): boolean {
  return isJsonObject(normalizer) && normalizer["type"] !== "NFC";
}

function flatten(part: Json): readonly JsonObject[] {
  if (!isJsonObject(part)) return [];
  const inner = part["pretokenizers"];
  return part["type"] === "Sequence" && Array.isArray(inner) ? inner.flatMap(flatten) : [part];
}
