/**
 * The blocks that a run goes through.
 *
 * @module
 */

import type { Block } from "../model/model.ts";
import { checkWeights } from "./check_weights.ts";
import type { PreparedRun } from "./prepare_run.ts";
import { widenBlock } from "./widen_block.ts";

/** What of a run its blocks are loaded by. */
export type FeedRun = Pick<PreparedRun, "model" | "ops" | "loadsAhead">;

/**
 * Loads the blocks of a run in their order and looks at their weights. Where the run loads ahead, the next block's weights
 * are read while this one is at work: a backend with memory of its own copies them there meanwhile.
 */
export class BlockFeed implements AsyncDisposable {
  readonly #run: FeedRun;
  #ahead: { readonly index: number; readonly loaded: Promise<Block> } | undefined;

  /** Loads nothing yet. */
  constructor(run: FeedRun) {
    this.#run = run;
  }

  /**
   * A block whose weights are finite, and in types that the quantizers read; the one after it begins to load where the run
   * loads ahead. The caller disposes it.
   *
   * @throws {SalientError} `input`, naming the first tensor with a NaN or infinite value.
   */
  async take(index: number): Promise<Block> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined && ahead.index !== index) await discard(ahead.loaded);
    const block = await (ahead?.index === index ? ahead.loaded : this.#load(index));
    if (this.#run.loadsAhead && index + 1 < this.#run.model.config.blocks) {
      const loaded = this.#load(index + 1);
      loaded.catch(() => {}); // told when it is taken
      this.#ahead = { index: index + 1, loaded };
    }
    return block;
  }

  async #load(index: number): Promise<Block> {
    const { model, ops } = this.#run;
    const block = await widenBlock(ops, await model.loadBlock(index));
    try {
      await checkWeights(ops, model, block);
      return block;
    } catch (error) {
      block[Symbol.dispose]();
      throw error;
    }
  }

  /** Waits for what is being loaded, and forgets it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined) await discard(ahead.loaded);
  }
}

async function discard(loaded: Promise<Block>): Promise<void> {
  try {
    (await loaded)[Symbol.dispose]();
  } catch {
    // A block that nobody takes cannot fail anybody.
  }
}
