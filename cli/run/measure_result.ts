/**
 * What quantization cost, measured.
 *
 * @module
 */

import {
  type Backend,
  loadTokenizer,
  type MeasuredPerplexity,
  type Model,
  type NamedText,
  perplexity,
  SalientError,
} from "../../mod.ts";
import { firstWindows } from "../first_windows.ts";
import { openLocated } from "../open_located.ts";
import { windowLength } from "../window_length.ts";
import { WindowProgress } from "../window_progress.ts";

/** What is measured, and on what. */
export interface MeasureOptions {
  /** The original, open. */
  readonly original: Model;
  /** Where it is, for its tokenizer. */
  readonly path: string;
  /** File that describes its family, if there is one. */
  readonly familyFile: string | undefined;
  /** The backend. */
  readonly backend: Backend;
  /** The text. */
  readonly text: NamedText;
  /** Windows; all of the text if not given. */
  readonly windows: number | undefined;
  /** Tokens of a window, if asked for. */
  readonly seqLen: number | undefined;
  /** Whether nothing is shown. */
  readonly quiet: boolean;
  /** Stops it. */
  readonly signal: AbortSignal;
}

/** Measures the result that is there. */
export type Measurement = (out: string) => Promise<MeasuredPerplexity>;

/**
 * Tokenizes the text, so that one that is too short is refused before any work. What it returns measures the original and the
 * result, which is opened from its files, on the same windows.
 */
export async function prepareMeasurement(options: MeasureOptions): Promise<Measurement> {
  const { original, backend, signal, quiet, text } = options;
  const tokenizer = await loadTokenizer(options.path);
  const seqLen = windowLength(options.seqLen, 2048, original);
  const ids = firstWindows(tokenizer.encode(text.text), seqLen, options.windows);
  if (ids.length < seqLen) {
    throw new SalientError(
      "input",
      `${text.name} has ${ids.length} tokens, fewer than a window of ${seqLen}: give a longer text or a smaller --seq-len`,
      { file: text.name },
    );
  }
  const measure = async (model: Model, what: string): Promise<number[]> => {
    using progress = new WindowProgress(`perplexity of the ${what}`, quiet);
    const found = await perplexity(model, ids, {
      seqLen,
      signal,
      onProgress: ({ windows, totalWindows }) => progress.update(windows, totalWindows),
    });
    return [found.perplexity, found.windows, found.tokens];
  };
  return async (out) => {
    const started = performance.now();
    const [before = NaN, windows = 0, tokens = 0] = await measure(original, "original");
    using result = await openLocated(out, backend, options);
    const [after = NaN] = await measure(result, "result");
    const seconds = (performance.now() - started) / 1000;
    return {
      text: text.name,
      windows,
      seqLen,
      tokens,
      original: before,
      quantized: after,
      seconds,
    };
  };
}
