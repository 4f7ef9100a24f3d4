/**
 * A tokenizer.model as a `tokenizer.json`.
 *
 * @module
 */

import type { Json, JsonObject } from "../checkpoint/types.ts";
import { sentencePieceMerges } from "../gguf/sentence_piece_merges.ts";
import type { NamedTokens } from "./named_tokens.ts";
import { startAndEnd } from "./start_and_end.ts";
import type { SentencePieceModel } from "./sentence_piece_model.ts";

const MARK = "▁";
const CONTROL = 3;
const USER_DEFINED = 4;

/**
 * What transformers makes of a tokenizer.model of the kind of Llama's and Gemma's: merges out of scores, bytes for
 * unknown characters, control tokens as special ones. Text is normalized as the model says, which for Unigram models
 * means its table of characters.
 *
 * `legacy: false` in the config puts the space in front of the first piece of a text only, not after each special
 * token; `add_bos_token` and `add_eos_token` say what stands around a text. Left out, the first token begins a text,
 * or where there is none the last one ends it.
 *
 * @param model What the file says.
 * @param config The `tokenizer_config.json`.
 * @param others Tokens that the other files add.
 */
export function sentencePieceDefinition(
  model: SentencePieceModel,
  config: JsonObject,
  others: NamedTokens,
): JsonObject {
  const { pieces, ids } = model;
  const added: Json[] = pieces.flatMap((content, id) => {
    const isSpecial = model.types[id] === CONTROL || id === ids.unknown;
    if (content === "" || !(isSpecial || model.types[id] === USER_DEFINED)) return [];
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...plain, special: isSpecial }];
  });
  const isFirstOnly = config.legacy === false;
  return {
    added_tokens: others.merge(added),
    normalizer: { type: "Sequence", normalizers: normalizers(model, isFirstOnly) },
    pre_tokenizer: isFirstOnly
      ? {
        type: "Metaspace",
        replacement: MARK,
        prepend_scheme: model.addsSpace ? "first" : "never",
        split: false,
      }
      : null,
    model: model.type === "bpe" ? bytePairs(model) : unigram(model),
    post_processor: startAndEnd(config, {
      begin: token(pieces, ids.begin),
      end: token(pieces, ids.end),
      addsBegin: ids.begin >= 0,
      addsEnd: ids.begin < 0,
    }),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: MARK }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(model.addsSpace ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
  };
}

function token(
  pieces: readonly string[],
  id: number,
): { readonly content: string; readonly id: number } | undefined {
  const content = pieces[id];
  return content === undefined ? undefined : { content, id };
}

function normalizers(model: SentencePieceModel, isFirstOnly: boolean): Json[] {
  const steps: Json[] = [];
  if (model.charsmap.length > 0) {
    steps.push({ type: "Charsmap", precompiled_charsmap: model.charsmap.toBase64() });
  }
  if (model.removesSpaces) {
    steps.push({ type: "Replace", pattern: { Regex: "\\A +|[ ▁]+\\z" }, content: "" });
    steps.push({ type: "Replace", pattern: { Regex: " {2,}" }, content: " " });
  }
  if (isFirstOnly) return steps;
  if (model.addsSpace) steps.push({ type: "Prepend", prepend: MARK });
  steps.push({ type: "Replace", pattern: { String: " " }, content: MARK });
  return steps;
}

function bytePairs(model: SentencePieceModel): JsonObject {
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, piece] of model.pieces.entries()) vocab[piece] = id;
  return {
    type: "BPE",
    unk_token: model.pieces[model.ids.unknown] ?? null,
    fuse_unk: true,
    byte_fallback: model.byteFallback,
    vocab,
    merges: sentencePieceMerges(model.pieces, model.types, model.scores),
  };
}

function unigram(model: SentencePieceModel): JsonObject {
  return {
    type: "Unigram",
    unk_id: model.ids.unknown,
    byte_fallback: model.byteFallback,
    vocab: model.pieces.map((piece, id) => [piece, model.scores[id] ?? 0]),
  };
}
