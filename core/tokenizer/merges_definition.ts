/**
 * The files `vocab.json` and `merges.txt` as a `tokenizer.json`.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import { preTokenizerOf } from "../gguf/pre_tokenizer_name.ts";
import { NamedTokens } from "./named_tokens.ts";
import { startAndEnd } from "./start_and_end.ts";
import { tokenText } from "./token_text.ts";

const END = "<|endoftext|>";

/** Classes of transformers whose files these are, and how they cut words. */
const CLASSES: Readonly<Record<string, "gpt-2" | "qwen2">> = {
  GPT2Tokenizer: "gpt-2",
  CodeGenTokenizer: "gpt-2",
  GPTNeoXTokenizer: "gpt-2",
  Qwen2Tokenizer: "qwen2",
};

/**
 * What transformers makes of the files of a byte-level model: GPT-2's words (OPT and many others have them too), or
 * Qwen2's where the config's `tokenizer_class` says so. A text starts with `bos_token` where `add_bos_token` is true.
 *
 * @param vocab Ids by token.
 * @param merges The lines of `merges.txt`.
 * @param given The `tokenizer_config.json`; without one, the special tokens are GPT-2's.
 * @param added The `added_tokens.json`: ids by text.
 * @throws {Error} Where the class is another one.
 */
export function mergesDefinition(
  vocab: JsonObject,
  merges: string,
  given: JsonObject,
  added: JsonObject,
): JsonObject {
  const config = { bos_token: END, eos_token: END, unk_token: END, ...given };
  const others = new NamedTokens(config, added);
  const named = String(given.tokenizer_class ?? "GPT2Tokenizer").replace(/Fast$/, "");
  const way = Object.hasOwn(CLASSES, named) ? CLASSES[named] : undefined;
  if (way === undefined) {
    throw new Error(`the files vocab.json and merges.txt of a ${named} are not read`);
  }
  const isQwen = way === "qwen2";
  const { preTokenizer } = preTokenizerOf(way)!;
  function find(name: "bos_token" | "eos_token"): { content: string; id: number } | undefined {
    const content = tokenText(config[name]) ?? "";
    const id = Object.hasOwn(vocab, content) ? vocab[content] : undefined;
    return typeof id === "number" ? { content, id } : undefined;
  }
  return {
    added_tokens: others.merge(others.specialOf(vocab)),
    normalizer: isQwen ? { type: "NFC" } : null,
    pre_tokenizer: given.add_prefix_space === true && !isQwen
      ? { type: "ByteLevel", add_prefix_space: true, use_regex: true }
      : preTokenizer,
    model: { type: "BPE", vocab, merges: readMerges(merges) },
    post_processor: startAndEnd(config, {
      begin: find("bos_token"),
      end: find("eos_token"),
      addsBegin: false,
      addsEnd: false,
    }),
    decoder: { type: "ByteLevel" },
  };
}

/** A pair a line, after a line with the version. */
function readMerges(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.startsWith("#version")) lines.shift();
  return lines.filter((line) => line !== "");
}
