/**
 * Generates text.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import { seededRandom } from "../random.ts";
import { TextStream } from "../tokenizer/text_stream.ts";
import type { Tokenizer } from "../tokenizer/types.ts";
import { Decoder } from "./decoder.ts";
import { checkSampler, type SamplerOptions } from "./sampler.ts";

/** How text is generated. */
export interface GenerateOptions extends Partial<SamplerOptions> {
  /** Most tokens to generate. */
  readonly maxTokens: number;
  /** Seed of the choices where the temperature is above 0. Default 0. */
  readonly seed?: number;
  /** Stops the generation. */
  readonly signal?: AbortSignal;
  /** Gets the text piece by piece; a piece never ends inside a character. */
  readonly onText?: (text: string) => void;
}

/** A generated text. */
export interface GenerateResult {
  /** The text after the prompt. */
  readonly text: string;
  /** Tokens of the prompt. */
  readonly promptTokens: number;
  /** Tokens generated, without the one that ended the text. */
  readonly tokens: number;
  /** Steps of one token a second; 0 if there were none. */
  readonly tokensPerSecond: number;
  /** Tokens of the prompt a second. */
  readonly prefillTokensPerSecond: number;
  /** Steps that were run from a recording of one (a CUDA graph). */
  readonly recordedSteps: number;
  /** Why steps were not recorded, where the backend does that. */
  readonly notRecorded: string | undefined;
  /** Why it ended: an end-of-text token, `maxTokens`, or the model's longest sequence. */
  readonly stopped: "eos" | "maxTokens" | "maxPositions";
  /** A sentence for people where the model's longest sequence ended it. */
  readonly note: string | undefined;
}

/**
 * Continues a prompt with the model's own choices: the likeliest token at temperature 0 (the default),
 * else tokens drawn from a seeded generator. Ends at an end-of-text token, after `maxTokens`, or where
 * the text is as long as the model allows.
 *
 * @param model The open model, plain or quantized.
 * @param tokenizer The model's tokenizer.
 * @param prompt What the text begins with.
 * @throws {SalientError} `input` if the prompt is empty or too long, `usage` if an option is out of range.
 *
 * @example Eight tokens of a speech
 * ```ts
 * import { createReferenceBackend, generate, loadTokenizer, openModel } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using model = await openModel("models/salient-tiny", backend);
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const result = await generate(model, tokenizer, "The people of", { maxTokens: 8 });
 * assert.equal(result.tokens, 8);
 * ```
 */
export async function generate(
  model: Model,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerateOptions,
): Promise<GenerateResult> {
  const { maxTokens, signal } = options;
  const sampler = { ...options, temperature: options.temperature ?? 0 };
  checkSampler(sampler);
  if (!Number.isInteger(maxTokens) || maxTokens < 1) {
    throw new SalientError(
      "usage",
      `Number of tokens must be a whole number of at least 1, but is ${maxTokens}`,
    );
  }
  const ids = promptIds(model, tokenizer, prompt);
  const { maxPositions, eosIds } = model.config;
  const limit = Math.min(maxTokens, maxPositions - ids.length);
  const random = [seededRandom(options.seed ?? 0)];
  const stream = new TextStream(tokenizer, ids);
  const pieces: string[] = [];
  function emit(piece: string): void {
    if (piece === "") return;
    pieces.push(piece);
    options.onText?.(piece);
  }

  using decoder = new Decoder(model, 1, ids.length + limit);
  const started = performance.now();
  let [id] = await decoder.nextTokens(ids, sampler, random, signal);
  const prefilled = performance.now();
  let tokens = 0;
  let ended = false;
  while (true) {
    ended = eosIds.includes(id!);
    if (ended) break;
    emit(stream.push(id!));
    tokens++;
    if (tokens === limit) break;
    [id] = await decoder.nextTokens(Int32Array.of(id!), sampler, random, signal);
  }
  const seconds = (performance.now() - prefilled) / 1000;
  emit(stream.end());
  const steps = ended ? tokens : tokens - 1;
  const stopped = ended ? "eos" : tokens === maxTokens ? "maxTokens" : "maxPositions";
  return {
    text: pieces.join(""),
    promptTokens: ids.length,
    tokens,
    tokensPerSecond: steps === 0 ? 0 : steps / seconds,
    prefillTokensPerSecond: ids.length * 1000 / (prefilled - started),
    recordedSteps: decoder.recorded.steps,
    notRecorded: decoder.recorded.refusal,
    stopped,
    note: stopped === "maxPositions"
      ? `Stopped after ${tokens} tokens: the model takes ${maxPositions} positions`
      : undefined,
  };
}

/** Ids of the prompt; an empty one is the token that a text starts with. */
function promptIds(model: Model, tokenizer: Tokenizer, prompt: string): Int32Array {
  const { bosId, maxPositions } = model.config;
  let ids = tokenizer.encode(prompt);
  if (ids.length === 0 && bosId !== undefined) ids = Int32Array.of(bosId);
  if (ids.length === 0) {
    throw new SalientError("input", "Prompt is empty: give the model some text to continue");
  }
  if (ids.length >= maxPositions) {
    throw new SalientError(
      "input",
      `Prompt has ${ids.length} tokens, but the model takes ${maxPositions} positions: shorten it`,
    );
  }
  return ids;
}
