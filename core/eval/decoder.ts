/**
 * Runs a model token by token.
 *
 * @module
 */

import { KvCache } from "../model/kv_cache.ts";
import type { Model } from "../model/model.ts";
import { ropeRange } from "../model/rope.ts";
import { ResidentBlocks } from "./resident_blocks.ts";

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

  /** Caches hold `capacity` tokens of each of `sequences` texts of equal length. */
  constructor(model: Model, sequences: number, capacity: number) {
    this.#model = model;
    this.#sequences = sequences;
    this.#blocks = this.#resources.use(new ResidentBlocks(model, true));
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
    const before = this.#caches[0]?.[0]?.length ?? 0;
    const length = before + ids.length / this.#sequences;
    if (!this.#depends) return await this.#run(ids, length, signal);
    this.#history.push(ids.slice());
    if (before === 0 || !this.#turnsAnew(before, length)) {
      return await this.#run(ids, length, signal);
    }
    // The keys before were turned by the frequencies of shorter texts, as none of this length are: once more, from the start.
    for (const cache of this.#caches.flat()) cache.clear();
    const again = this.#sequences === 1 ? [joined(this.#history)] : this.#history;
    let logits: Float32Array[] = [];
    for (const part of again) logits = await this.#run(part, length, signal);
    return logits;
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
  async #run(ids: Int32Array, length: number, signal?: AbortSignal): Promise<Float32Array[]> {
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

  async #lastLogits(hidden: Parameters<Model["logits"]>[0]): Promise<Float32Array[]> {
    const ops = this.#model.backend;
    const { vocabSize } = this.#model.config;
    const rows = hidden.shape[0] ?? 0;
    // One sequence: its last row. Several run one row each.
    using last = this.#sequences === 1 ? ops.rows(hidden, rows - 1, 1) : ops.rows(hidden, 0, rows);
    using logits = await this.#model.logits(last);
    const values = ops.download(logits);
    return Array.from({ length: this.#sequences }, (_, i) => {
      return values.subarray(i * vocabSize, (i + 1) * vocabSize);
    });
  }
}

function joined(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]));
}
