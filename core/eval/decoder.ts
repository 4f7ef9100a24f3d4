/**
 * Runs a model token by token.
 *
 * @module
 */

import { KvCache } from "../model/kv_cache.ts";
import type { Model } from "../model/model.ts";
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
    const chunk = this.#sequences === 1 ? CHUNK : ids.length;
    for (let start = 0;; start += chunk) {
      const part = ids.subarray(start, start + chunk);
      using hidden = await this.#blocks.run(part, (block) => {
        return { sequences: this.#sequences, caches: this.#caches[block]! };
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
