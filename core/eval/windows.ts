/**
 * Cuts a tokenized text into the windows that perplexity is measured on.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

/** A window of a text. */
export interface EvaluationWindow {
  /** Its first token in the text. */
  readonly start: number;
  /** Tokens in it. */
  readonly length: number;
  /** First of its tokens that is predicted, at least 1; those before it are only read. */
  readonly firstScored: number;
}

/**
 * Without a stride floor(tokens / seqLen) windows side by side, each scored from its second token on:
 * the protocol of the AWQ and GPTQ papers. With a stride windows that overlap, each beginning `stride`
 * tokens after the one before it and scored only on the tokens that no earlier one held; the last ends
 * with the text.
 *
 * @throws {SalientError} `input` if the text has too few tokens, `usage` if an option is out of range.
 */
export function evaluationWindows(
  tokens: number,
  seqLen: number,
  stride?: number,
): EvaluationWindow[] {
  if (!Number.isInteger(seqLen) || seqLen < 2) {
    throw new SalientError(
      "usage",
      `Sequence length must be a whole number of at least 2, but is ${seqLen}`,
    );
  }
  if (stride === undefined) {
    if (tokens < seqLen) throw tooShort(tokens, seqLen);
    return Array.from({ length: Math.floor(tokens / seqLen) }, (_, i) => {
      return { start: i * seqLen, length: seqLen, firstScored: 1 };
    });
  }
  if (!Number.isInteger(stride) || stride < 1 || stride > seqLen) {
    throw new SalientError(
      "usage",
      `Stride must be a whole number from 1 to the sequence length (${seqLen}), but is ${stride}`,
    );
  }
  if (tokens < 2) throw tooShort(tokens, 2);
  const windows: EvaluationWindow[] = [];
  let end = 0;
  for (let start = 0; end < tokens; start += stride) {
    const next = Math.min(start + seqLen, tokens);
    const window = { start, length: next - start, firstScored: Math.max(1, end - start) };
    // One token alone at the very end has nothing before it to be predicted from.
    if (window.firstScored < window.length) windows.push(window);
    end = next;
  }
  return windows;
}

function tooShort(tokens: number, needed: number): SalientError {
  return new SalientError(
    "input",
    `Text has ${tokens} tokens but a window takes ${needed}: use a longer text or a shorter ` +
      `sequence length`,
  );
}
