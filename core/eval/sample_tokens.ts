/**
 * Samples token sequences from a model itself.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import { seededRandom } from "../random.ts";
import { Decoder } from "./decoder.ts";
import { checkSampler } from "./sampler.ts";

/** How sequences are sampled. */
export interface SampleTokensOptions {
  /** Number of sequences. */
  readonly samples: number;
  /** Tokens of a sequence. */
  readonly seqLen: number;
  /** Seed of the choices. Default 0. */
  readonly seed?: number;
  /** Divides the logits. Default 1. */
  readonly temperature?: number;
  /** Sequences that run together; the result does not depend on it. Default: up to 16. */
  readonly batch?: number;
  /** Stops the sampling. */
  readonly signal?: AbortSignal;
  /** Told how many tokens of how many are there. */
  readonly onProgress?: (tokens: number, total: number) => void;
}

/** Bytes of keys and values that sequences which run together may take. */
const CACHE_BYTES = 2 ** 30;

/**
 * Texts of the model's own making, to calibrate on where there is no other text (as LLM-QAT does: Liu
 * et al. 2023). Each begins with the token that texts start with, or a random one if there is none, and
 * goes on past an end-of-text token.
 *
 * @returns Ids of all sequences, one after the other: [samples * seqLen].
 * @throws {SalientError} `usage` if an option is out of range, `input` if seqLen is above the model's.
 */
export async function sampleTokens(
  model: Model,
  options: SampleTokensOptions,
): Promise<Int32Array> {
  const { samples, seqLen, seed = 0, signal } = options;
  const sampler = { temperature: options.temperature ?? 1 };
  checkSampler(sampler);
  const batch = Math.min(samples, options.batch ?? defaultBatch(model, seqLen));
  for (const [name, value] of Object.entries({ samples, seqLen, batch })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new SalientError("usage", `${name} must be a whole number above 0, but is ${value}`);
    }
  }
  const { maxPositions, vocabSize, bosId } = model.config;
  if (seqLen > maxPositions) {
    throw new SalientError(
      "input",
      `Sequence length ${seqLen} is above the ${maxPositions} positions of ${model.directory}`,
    );
  }
  // A generator for each sequence, so that the batch changes nothing.
  const randoms = Array.from({ length: samples }, (_, i) => seededRandom(`${seed}/${i}`));
  const ids = new Int32Array(samples * seqLen);
  for (const [i, random] of randoms.entries()) {
    ids[i * seqLen] = bosId ?? Math.floor(random() * vocabSize);
  }
  for (let first = 0; first < samples; first += batch) {
    const count = Math.min(batch, samples - first);
    using decoder = new Decoder(model, count, seqLen);
    for (let t = 1; t < seqLen; t++) {
      const last = Int32Array.from({ length: count }, (_, i) => ids[(first + i) * seqLen + t - 1]!);
      const random = randoms.slice(first, first + count);
      const tokens = await decoder.nextTokens(last, sampler, random, signal);
      for (const [i, id] of tokens.entries()) ids[(first + i) * seqLen + t] = id;
      options.onProgress?.(first * seqLen + count * (t + 1), samples * seqLen);
    }
  }
  return ids;
}

function defaultBatch(model: Model, seqLen: number): number {
  const { blocks, kvHeads, headDim } = model.config;
  const bytes = blocks * seqLen * kvHeads * headDim * 2 * 4;
  return Math.max(1, Math.min(16, Math.floor(CACHE_BYTES / bytes)));
}
