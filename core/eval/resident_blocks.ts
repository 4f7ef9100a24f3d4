/**
 * The blocks of a model that is run many times.
 *
 * @module
 */

import type { Block, BlockRun, Model } from "../model/model.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Runs a model's blocks, loading each once where they are kept; otherwise each is loaded for every run,
 * freed after it and its pages are given back.
 */
export class ResidentBlocks implements Disposable {
  readonly #model: Model;
  readonly #keep: boolean;
  readonly #blocks = new Map<number, Block>();

  /** Nothing is loaded before the first run. */
  constructor(model: Model, keep: boolean) {
    this.#model = model;
    this.#keep = keep;
  }

  /**
   * Hidden states [ids, hiddenSize] after the last block.
   *
   * @param ids Tokens of all sequences, one after the other.
   * @param options Tells each block how to run.
   */
  async run(
    ids: Int32Array,
    options: (block: number) => BlockRun,
    signal?: AbortSignal,
  ): Promise<Tensor> {
    const { sequences, start, cache, caches } = options(0);
    const first = start ?? (cache ?? caches?.[0])?.length ?? 0;
    let hidden = await this.#model.embed(ids, { sequences, start: first });
    try {
      for (let i = 0; i < this.#model.config.blocks; i++) {
        signal?.throwIfAborted();
        const block = await this.#load(i);
        try {
          const output = await block.run(hidden, options(i));
          hidden[Symbol.dispose]();
          hidden = output;
        } finally {
          if (!this.#keep) {
            block[Symbol.dispose]();
            this.#model.releaseBlock(i);
          }
        }
      }
    } catch (error) {
      hidden[Symbol.dispose]();
      throw error;
    }
    return hidden;
  }

  /** Frees the blocks that were kept. */
  [Symbol.dispose](): void {
    for (const block of this.#blocks.values()) block[Symbol.dispose]();
    this.#blocks.clear();
  }

  async #load(index: number): Promise<Block> {
    const kept = this.#blocks.get(index);
    if (kept !== undefined) return kept;
    const block = await this.#model.loadBlock(index);
    if (this.#keep) this.#blocks.set(index, block);
    return block;
  }
}
