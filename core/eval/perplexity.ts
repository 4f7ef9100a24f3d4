/**
 * Measures perplexity.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import type { Tensor } from "../tensor.ts";
import { ResidentBlocks } from "./resident_blocks.ts";
import { type EvaluationWindow, evaluationWindows } from "./windows.ts";

/** How perplexity is measured. */
export interface PerplexityOptions {
  /** Tokens of a window. */
  readonly seqLen: number;
  /** Tokens between the starts of windows that overlap. Default: windows side by side. */
  readonly stride?: number;
  /** Windows that run together. Default: as many as make about 2,048 tokens. */
  readonly batch?: number;
  /** Whether blocks stay loaded between batches. Default true; views of the file cost nothing. */
  readonly keepBlocks?: boolean;
  /** Stops the measurement. */
  readonly signal?: AbortSignal;
  /** Told after every batch. */
  readonly onProgress?: (progress: PerplexityProgress) => void;
}

/** How far a measurement is. */
export interface PerplexityProgress {
  /** Windows done. */
  readonly windows: number;
  /** Windows in all. */
  readonly totalWindows: number;
  /** Perplexity of the windows done. */
  readonly perplexity: number;
}

/** A measured perplexity. */
export interface PerplexityResult {
  /** exp of the mean negative log-likelihood, natural base. */
  readonly perplexity: number;
  /** Tokens of the text that the windows cover. */
  readonly tokens: number;
  /** Number of windows. */
  readonly windows: number;
  /** Tokens of a window. */
  readonly seqLen: number;
  /** Time taken. */
  readonly seconds: number;
}

/** Tokens that run together if nothing else is said. */
const BATCH_TOKENS = 2048;
/** Bytes of logits made at a time. */
const LOGIT_BYTES = 32 * 2 ** 20;

/**
 * exp of the mean negative log-likelihood over floor(tokens / seqLen) windows of the text, the first
 * token of each not predicted (as the AWQ and GPTQ papers measure); or with `stride` over every token
 * but the first, each predicted once, from up to seqLen - 1 tokens before it.
 *
 * @param model The open model.
 * @param ids The text, tokenized once as a whole.
 * @returns The perplexity and what it was measured on.
 * @throws {SalientError} `input` if the text is shorter than a window; `failed` if the model gives NaN.
 *
 * @example Four windows of a text
 * ```ts
 * import { createReferenceBackend, loadTokenizer, openModel, perplexity } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using model = await openModel("models/salient-tiny", backend);
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const ids = tokenizer.encode("The people of the United States expect peace. ".repeat(4));
 * const result = await perplexity(model, ids, { seqLen: 8 });
 * assert.ok(result.perplexity > 1 && result.windows === Math.floor(ids.length / 8));
 * ```
 */
export async function perplexity(
  model: Model,
  ids: Int32Array,
  options: PerplexityOptions,
): Promise<PerplexityResult> {
  const { seqLen, stride, signal } = options;
  const windows = evaluationWindows(ids.length, seqLen, stride);
  const batch = options.batch ?? Math.max(1, Math.floor(BATCH_TOKENS / seqLen));
  if (!Number.isInteger(batch) || batch < 1) {
    throw new SalientError("usage", `Batch must be a whole number of at least 1, but is ${batch}`);
  }
  const started = performance.now();
  let loss = 0;
  let scored = 0;
  let done = 0;
  using blocks = new ResidentBlocks(model, options.keepBlocks ?? true);
  for (const group of batches(windows, batch)) {
    const tokens = group.flatMap(({ start, length }) => [...ids.subarray(start, start + length)]);
    using hidden = await blocks.run(
      Int32Array.from(tokens),
      () => ({ sequences: group.length }),
      signal,
    );
    for (const [i, window] of group.entries()) {
      const text = ids.subarray(window.start, window.start + window.length);
      loss += await windowLoss(model, hidden, i * window.length, text, window, signal);
      scored += window.length - window.firstScored;
    }
    done += group.length;
    options.onProgress?.({
      windows: done,
      totalWindows: windows.length,
      perplexity: Math.exp(loss / scored),
    });
  }
  if (Number.isNaN(loss)) {
    throw new SalientError(
      "failed",
      `Perplexity of ${model.directory} is not a number: its weights or activations overflow`,
      { file: model.directory },
    );
  }
  const last = windows.at(-1)!;
  return {
    perplexity: Math.exp(loss / scored),
    tokens: last.start + last.length,
    windows: windows.length,
    seqLen,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Runs of up to `size` windows of one length. */
function* batches(
  windows: readonly EvaluationWindow[],
  size: number,
): Generator<EvaluationWindow[]> {
  let group: EvaluationWindow[] = [];
  for (const window of windows) {
    const full = group.length === size;
    if (full || (group.length > 0 && group[0]!.length !== window.length)) {
      yield group;
      group = [];
    }
    group.push(window);
  }
  if (group.length > 0) yield group;
}

/** Summed loss of a window whose hidden states begin at `row`, in slices so that logits stay small. */
async function windowLoss(
  model: Model,
  hidden: Tensor,
  row: number,
  text: Int32Array,
  window: EvaluationWindow,
  signal: AbortSignal | undefined,
): Promise<number> {
  const ops = model.backend;
  const slice = Math.max(1, Math.floor(LOGIT_BYTES / (4 * model.config.vocabSize)));
  let sum = 0;
  // Row t predicts token t + 1.
  for (let t = window.firstScored - 1; t < window.length - 1; t += slice) {
    signal?.throwIfAborted();
    const count = Math.min(slice, window.length - 1 - t);
    using states = ops.rows(hidden, row + t, count);
    using logits = await model.logits(states);
    const losses = await ops.negativeLogLikelihood(logits, text.slice(t + 1, t + 1 + count));
    for (const value of losses) sum += value;
  }
  return sum;
}
