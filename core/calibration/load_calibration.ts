/**
 * Calibration windows from text.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/types.ts";
import type { SourceDocument, TextSource } from "./document.ts";
import { openSource } from "./open_source.ts";
import type { CalibrationSet } from "./types.ts";
import { chooseWindows } from "./windows.ts";

/** Tokens among which windows are chosen at random; reading more would take minutes. */
const MOST_POOL_TOKENS = 2 ** 24;

/** What {@linkcode loadCalibration} needs to know. */
export interface CalibrationOptions {
  /**
   * Where the text is from:
   *
   * | source | text |
   * |---|---|
   * | `default` | State of the Union addresses (years that do not end in 0) and Moby-Dick, from npm |
   * | `held-out` | the addresses of years that end in 0 |
   * | `FILE.jsonl`, `FILE.jsonl#KEY` | objects with `text`, or chats in `messages` |
   * | `FILE.parquet`, `FILE.parquet#COLUMN` | a column of text, or of chats |
   * | any other `FILE` | the whole file is one text |
   * | `npm:PACKAGE`, `npm:PACKAGE/PATH` | files of an installed package; PATH may be a pattern |
   * | `self` | tokens sampled from the model itself, by `sampleSelf` |
   */
  readonly source: string;
  /** The model's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Windows wanted. */
  readonly samples: number;
  /** Tokens of a window. */
  readonly seqLen: number;
  /** 0 (the default) takes the first windows of the text; any other number takes windows at random. */
  readonly seed?: number | undefined;
  /** Key or column of JSONL and parquet. */
  readonly column?: string | undefined;
  /** Samples `samples * seqLen` tokens from the model, for the source `self`. */
  readonly sampleSelf?:
    | ((samples: number, seqLen: number, seed: number) => Promise<Int32Array>)
    | undefined;
  /** Told how many tokens there are so far, after each document. */
  readonly onProgress?: ((tokens: number, documents: number) => void) | undefined;
  /** Stops the loading between documents. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads calibration windows.
 *
 * Every document is tokenized as a whole with the tokenizer's default special tokens (chats with those of
 * their template), the tokens follow each other in order, and the stream is cut into windows: long
 * documents are cut, short ones packed, nothing is dropped but a tail shorter than a window. With seed 0 no
 * more documents are read than the windows need. If the text has fewer windows than asked, all of them are
 * given.
 *
 * @example Four windows of the default text
 * ```ts
 * import { loadCalibration, loadTokenizer } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const calibration = await loadCalibration({
 *   source: "default",
 *   tokenizer,
 *   samples: 4,
 *   seqLen: 256,
 * });
 * assert.equal(calibration.tokens, 4 * 256);
 * ```
 *
 * @throws {SalientError} `usage` for impossible numbers; `input` where a file is missing, damaged or not
 * text, or where the text has not even one window. The signal's reason, where it is aborted.
 */
export async function loadCalibration(options: CalibrationOptions): Promise<CalibrationSet> {
  const { samples, seqLen, seed = 0 } = options;
  positive("Calibration samples", samples);
  positive("Sequence length", seqLen);
  if (!Number.isSafeInteger(seed)) {
    throw new SalientError("usage", `Seed ${seed} is not a whole number: give one, for example 0`);
  }
  if (samples * seqLen >= 2 ** 31) {
    throw new SalientError(
      "usage",
      `${samples} samples of ${seqLen} tokens are more than 2^31 tokens: ask for fewer`,
    );
  }
  if (options.source === "self") return await sampleFromModel(options, seed);
  const source = openSource(options.source, options.column);
  const enough = seed === 0 ? samples * seqLen : Math.max(samples * seqLen, MOST_POOL_TOKENS);
  const { stream, documents } = await readTokens(source, options, enough);
  const ids = chooseWindows(stream, samples, seqLen, seed);
  if (ids.length === 0) {
    throw new SalientError(
      "input",
      `${source.name} has ${stream.length} tokens, but a window needs ${seqLen}: ` +
        `give a longer text or a shorter sequence length`,
      { file: source.name },
    );
  }
  return {
    ids,
    samples: ids.length / seqLen,
    seqLen,
    tokens: ids.length,
    source: source.name,
    documents,
  };
}

/** Tokenizes documents until there are enough tokens. */
async function readTokens(
  source: TextSource,
  options: CalibrationOptions,
  enough: number,
): Promise<{ stream: Int32Array; documents: number }> {
  const { tokenizer, onProgress, signal } = options;
  const parts: Int32Array[] = [];
  let total = 0;
  let documents = 0;
  signal?.throwIfAborted();
  for await (const document of source.documents()) {
    signal?.throwIfAborted();
    const ids = tokenize(document, tokenizer);
    if (ids.length === 0) continue;
    parts.push(ids);
    total += ids.length;
    documents++;
    onProgress?.(total, documents);
    if (total >= enough) break;
  }
  const stream = new Int32Array(total);
  let at = 0;
  for (const part of parts) {
    stream.set(part, at);
    at += part.length;
  }
  return { stream, documents };
}

/** Ids of a document; none for an empty one, which would be special tokens and nothing else. */
function tokenize(document: SourceDocument, tokenizer: Tokenizer): Int32Array {
  if (document.kind === "chat") {
    // The template writes the special tokens itself.
    const text = tokenizer.formatChat(document.messages, false);
    return tokenizer.encode(text, { specialTokens: false });
  }
  return document.text === "" ? new Int32Array(0) : tokenizer.encode(document.text);
}

async function sampleFromModel(options: CalibrationOptions, seed: number): Promise<CalibrationSet> {
  const { samples, seqLen, sampleSelf, signal } = options;
  if (sampleSelf === undefined) {
    throw new SalientError(
      "usage",
      "The source self needs a model to sample from: give a text, or sampleSelf",
    );
  }
  signal?.throwIfAborted();
  const ids = await sampleSelf(samples, seqLen, seed);
  if (ids.length !== samples * seqLen) {
    throw new SalientError(
      "failed",
      `sampleSelf gave ${ids.length} ids, but ${samples} windows of ${seqLen} are wanted`,
    );
  }
  return { ids, samples, seqLen, tokens: ids.length, source: "self", documents: samples };
}

function positive(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new SalientError("usage", `${name} ${value} is not a whole number above 0: give one`);
}
