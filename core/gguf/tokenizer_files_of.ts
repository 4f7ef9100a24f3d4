/**
 * The tokenizer of a GGUF file as the files of a Hugging Face one.
 *
 * @module
 */

import type { Json, JsonObject } from "../checkpoint/types.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { preTokenizerOf } from "./pre_tokenizer_name.ts";
import type { ReadValue } from "./read_gguf.ts";
import { sentencePieceMerges } from "./sentence_piece_merges.ts";
import { TOKEN_TYPES, type TokenizerFiles } from "./tokenizer_metadata.ts";

type Metadata = ReadonlyMap<string, ReadValue>;

/**
 * `tokenizer.json` and `tokenizer_config.json` as transformers would have them, for the models `gpt2` and `llama`.
 *
 * @returns The files, or undefined where the GGUF file has no tokenizer.
 * @throws {SalientError} `input` where it is of another kind, or damaged.
 */
export function tokenizerFilesOf(path: string, metadata: Metadata): TokenizerFiles | undefined {
  const model = metadata.get("tokenizer.ggml.model");
  if (model === undefined || model === "none" || model === "no_vocab") return undefined;
  const refuse = (text: string): SalientError =>
    new SalientError("input", `The tokenizer of ${path} ${text}`, { file: path });
  const tokens = texts(metadata, "tokens") ?? fail("has no tokens");
  const types = numbers(metadata, "token_type") ?? tokens.map(() => TOKEN_TYPES.normal);
  if (types.length !== tokens.length) fail("has kinds for another number of tokens");
  const config = tokenizerConfig(metadata, tokens);
  const template = metadata.get("tokenizer.chat_template");
  const chatTemplate = typeof template === "string" ? template : undefined;
  const shared: JsonObject = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(tokens, types),
    post_processor: postProcessor(metadata, tokens, model === "llama"),
  };
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) {
    if (types[id] !== TOKEN_TYPES.unused) vocab[token] ??= id;
  }
  const parts = model === "gpt2"
    ? byteLevel(metadata, vocab, fail)
    : model === "llama"
    ? sentencePiece(metadata, tokens, types, vocab, fail)
    : fail(`is a ${showName(String(model))} model, and gpt2 and llama are read`);
  return { definition: { ...shared, ...parts }, config, chatTemplate };

  function fail(text: string): never {
    throw refuse(text);
  }
}

function texts(metadata: Metadata, key: string): readonly string[] | undefined {
  const value = metadata.get(`tokenizer.ggml.${key}`);
  const valid = Array.isArray(value) && value.every((each) => typeof each === "string");
  return valid ? value as readonly string[] : undefined;
}

function numbers(metadata: Metadata, key: string): readonly number[] | undefined {
  const value = metadata.get(`tokenizer.ggml.${key}`);
  const valid = Array.isArray(value) && value.every((each) => typeof each === "number");
  return valid ? value as readonly number[] : undefined;
}

function byteLevel(
  metadata: Metadata,
  vocab: Record<string, number>,
  fail: (text: string) => never,
): JsonObject {
  const name = metadata.get("tokenizer.ggml.pre") ?? "default";
  const way = preTokenizerOf(String(name)) ??
    fail(`cuts words by ${showName(String(name))}, which is not read`);
  const merges = texts(metadata, "merges") ?? fail("has no merges");
  return {
    normalizer: null,
    pre_tokenizer: way.preTokenizer,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: way.ignoreMerges,
      vocab,
      merges,
    },
  };
}

function sentencePiece(
  metadata: Metadata,
  tokens: readonly string[],
  types: readonly number[],
  vocab: Record<string, number>,
  fail: (text: string) => never,
): JsonObject {
  const scores = numbers(metadata, "scores") ?? fail("has no scores");
  if (scores.length !== tokens.length) fail("has scores for another number of tokens");
  const space = metadata.get("tokenizer.ggml.add_space_prefix") ?? true;
  const replace = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const unknown = types.indexOf(TOKEN_TYPES.unknown);
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  return {
    normalizer: space === true
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, replace] }
      : replace,
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(space === true ? [strip] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: tokens[unknown] ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: sentencePieceMerges(tokens, types, scores),
    },
  };
}

/** Tokens that stand for themselves in a text. */
function addedTokens(tokens: readonly string[], types: readonly number[]): Json {
  const kinds: readonly (number | undefined)[] = [
    TOKEN_TYPES.special,
    TOKEN_TYPES.unknown,
    TOKEN_TYPES.added,
  ];
  return tokens.flatMap((content, id) =>
    kinds.includes(types[id]) && content !== ""
      ? [{
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: types[id] !== TOKEN_TYPES.added,
      }]
      : []
  );
}

/** llama.cpp puts the first token before a text unless it is told otherwise, for these models. */
const STARTS_BY_DEFAULT: readonly string[] = ["llama-bpe", "llama3", "llama-v3", "tekken"];

function postProcessor(metadata: Metadata, tokens: readonly string[], isLlama: boolean): Json {
  const id = metadata.get("tokenizer.ggml.bos_token_id");
  const pre = String(metadata.get("tokenizer.ggml.pre") ?? "");
  const adds = metadata.get("tokenizer.ggml.add_bos_token") ??
    (isLlama || STARTS_BY_DEFAULT.includes(pre));
  const token = typeof id === "number" ? tokens[id] : undefined;
  const text = { Sequence: { id: "A", type_id: 0 } };
  const second = { Sequence: { id: "B", type_id: 1 } };
  if (adds !== true || token === undefined) {
    return { type: "TemplateProcessing", single: [text], pair: [text, second], special_tokens: {} };
  }
  const start = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: "TemplateProcessing",
    single: [start, text],
    pair: [start, text, start, second],
    special_tokens: { [token]: { id: token, ids: [Number(id)], tokens: [token] } },
  };
}

function tokenizerConfig(metadata: Metadata, tokens: readonly string[]): JsonObject {
  const config: Record<string, Json> = { tokenizer_class: "PreTrainedTokenizerFast" };
  for (
    const [key, name] of [["bos", "bos"], ["eos", "eos"], ["unk", "unknown"], ["pad", "padding"]]
  ) {
    const id = metadata.get(`tokenizer.ggml.${name}_token_id`);
    const token = typeof id === "number" ? tokens[id] : undefined;
    if (token !== undefined) config[`${key}_token`] = token;
  }
  const template = metadata.get("tokenizer.chat_template");
  if (typeof template === "string") config["chat_template"] = template;
  return config;
}
