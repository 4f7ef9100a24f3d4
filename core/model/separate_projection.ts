/**
 * Queries, keys and values from three linears.
 *
 * @module
 */

import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import { finishHeads } from "./finish_heads.ts";
import type { HeadProjection, Heads, RowPlace } from "./head_projection.ts";
import type { BlockRun } from "./model.ts";

/** Linears `q`, `k` and `v`. */
export class SeparateProjection implements HeadProjection {
  readonly #parts: BlockParts;

  /** The projection of a block. */
  constructor(parts: BlockParts) {
    this.#parts = parts;
  }

  async project(x: Tensor, place: RowPlace, options: BlockRun): Promise<Heads> {
    using stack = new DisposableStack();
    const query = stack.use(await this.#parts.linear("q", x, options));
    const key = stack.use(await this.#parts.linear("k", x, options));
    const value = stack.use(await this.#parts.linear("v", x, options));
    stack.move();
    return await finishHeads(this.#parts, [query, key, value], place, options.sequences);
  }

  collect(mixed: Tensor): Promise<Tensor> {
    return Promise.resolve(this.#parts.ops.reshape(mixed, mixed.shape));
  }
}
