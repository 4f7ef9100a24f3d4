/**
 * Runs a model token by token.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { KvCache } from "../model/kv_cache.ts";
import type { Model } from "../model/model.ts";
import { ropeRange } from "../model/rope.ts";
import type { Tensor } from "../tensor.ts";
import { RecordedSteps } from "./recorded_steps.ts";
import { ResidentBlocks } from "./resident_blocks.ts";
import type { SamplerOptions } from "./sampler.ts";

/** Rows of one sequence that run together while a prompt is read. */
const CHUNK = 512;

/** A model with its blocks loaded and a cache for each block and sequence. */
export class Decoder implements Disposable {
  readonly #model: Model;
  readonly #blocks: ResidentBlocks;
  // [block][sequence]
  readonly #caches: KvCache[][];
  readonly #sequences: number;
  /** What was run, as it was given; kept only where a rotary embedding may ask for it again. */
  readonly #history: Int32Array[] = [];
  readonly #resources = new DisposableStack();
  readonly #steps: RecordedSteps;

  /** Caches hold `capacity` tokens of each of `sequences` texts of equal length. */
  constructor(model: Model, sequences: number, capacity: number) {
    this.#model = model;
    this.#sequences = sequences;
    this.#blocks = this.#resources.use(new ResidentBlocks(model, true));
    this.#steps = this.#resources.use(new RecordedSteps(model.backend));
    const width = model.config.kvHeads * model.config.headDim;
    this.#caches = Array.from({ length: model.config.blocks }, () => {
      return Array.from({ length: sequences }, () => {
        return this.#resources.use(new KvCache(model.backend, capacity, width));
      });
    });
  }

  /**
   * Logits [vocabulary] of each sequence after some more tokens of it.
   *
   * @param ids As many tokens of each sequence, sequence by sequence; many only if there is one sequence.
   */
  async next(ids: Int32Array, signal?: AbortSignal): Promise<Float32Array[]> {
    using logits = await this.#logits(ids, signal);
    const { vocabSize } = this.#model.config;
    const values = this.#model.backend.download(logits);
    return Array.from({ length: this.#sequences }, (_, i) => {
      return values.subarray(i * vocabSize, (i + 1) * vocabSize);
    });
  }

  /**
   * The token that follows each sequence after some more tokens of it, chosen where the logits are.
   *
   * @param ids As {@linkcode next} takes them.
   * @param random A generator for each sequence, which gives one number where the temperature is above 0.
   * @throws {SalientError} `failed` where logits are not finite.
   */
  async nextTokens(
    ids: Int32Array,
    options: SamplerOptions,
    random: readonly (() => number)[],
    signal?: AbortSignal,
  ): Promise<Int32Array> {
    using logits = await this.#logits(ids, signal);
    const numbers = Float64Array.from(random, (next) => options.temperature === 0 ? 0 : next());
    const tokens = await this.#model.backend.chooseTokens(logits, options, numbers);
    if (!tokens.includes(-1)) return tokens;
    throw new SalientError("failed", "The model's logits are not finite: its weights overflow");
  }

  /** How many steps a recording ran, and why there is none where one was tried. */
  get recorded(): { readonly steps: number; readonly refusal: string | undefined } {
    return { steps: this.#steps.replays, refusal: this.#steps.refusal };
  }

  /** [sequences, vocabulary]; it holds until the next call. */
  async #logits(ids: Int32Array, signal?: AbortSignal): Promise<Tensor> {
    const before = this.#length;
    const length = before + ids.length / this.#sequences;
    if (!this.#depends) {
      const run = () => this.#run(ids, length, signal);
      const [id] = ids;
      // What a recording runs is one token of one sequence.
      if (this.#sequences > 1 || ids.length > 1 || id === undefined) return await run();
      signal?.throwIfAborted();
      const onReplay = () => this.#caches.forEach(([cache]) => cache!.advance());
      return await this.#steps.run({ id, position: before }, { run, onReplay });
    }
    this.#history.push(ids.slice());
    if (before === 0 || !this.#turnsAnew(before, length)) {
      return await this.#run(ids, length, signal);
    }
    // The keys before were turned by the frequencies of shorter texts, as none of this length are: once more, from the start.
    for (const cache of this.#caches.flat()) cache.clear();
    const again = this.#sequences === 1 ? [joined(this.#history)] : this.#history;
    let logits: Tensor | undefined;
    for (const part of again) {
      logits?.[Symbol.dispose]();
      logits = await this.#run(part, length, signal);
    }
    return logits!;
  }

  /** Tokens of each sequence so far. */
  get #length(): number {
    return this.#caches[0]?.[0]?.length ?? 0;
  }

  /** Whether frequencies change at some length, for all tokens (LongRoPE). */
  get #depends(): boolean {
    return Object.values(this.#model.architecture.ropes).some(({ scaling }) => {
      return scaling === "longrope";
    });
  }

  #turnsAnew(before: number, length: number): boolean {
    const { ropes, config: { maxPositions } } = this.#model.architecture;
    return Object.values(ropes).some((rope) => {
      return ropeRange(rope, before, maxPositions) !== ropeRange(rope, length, maxPositions);
    });
  }

  /** @param length Tokens that each sequence has in the end. */
  async #run(ids: Int32Array, length: number, signal?: AbortSignal): Promise<Tensor> {
    const chunk = this.#sequences === 1 ? CHUNK : ids.length;
    for (let start = 0;; start += chunk) {
      const part = ids.subarray(start, start + chunk);
      using hidden = await this.#blocks.run(part, (block) => {
        return { sequences: this.#sequences, caches: this.#caches[block]!, length };
      }, signal);
      if (start + chunk >= ids.length) return await this.#lastLogits(hidden);
    }
  }

  /** Frees blocks and caches. */
  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }

  async #lastLogits(hidden: Tensor): Promise<Tensor> {
    const ops = this.#model.backend;
    const rows = hidden.shape[0] ?? 0;
    // One sequence: its last row. Several run one row each.
    using last = this.#sequences === 1 ? ops.rows(hidden, rows - 1, 1) : ops.rows(hidden, 0, rows);
    return await this.#model.logits(last);
  }
}

function joined(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]));
}
