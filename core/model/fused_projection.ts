/**
 * Queries, keys and values from one linear.
 *
 * @module
 */

import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import { finishHeads } from "./finish_heads.ts";
import type { HeadProjection, Heads, RowPlace } from "./head_projection.ts";
import type { ProjectionLayout } from "./layout.ts";
import type { BlockRun } from "./model.ts";

/** Columns of the output of the linear `qkv`. */
export class FusedProjection implements HeadProjection {
  readonly #parts: BlockParts;
  readonly #columns: Extract<ProjectionLayout, { kind: "fused" }>;

  /** The projection of a block. */
  constructor(parts: BlockParts, columns: Extract<ProjectionLayout, { kind: "fused" }>) {
    this.#parts = parts;
    this.#columns = columns;
  }

  async project(x: Tensor, place: RowPlace, options: BlockRun): Promise<Heads> {
    const { ops } = this.#parts;
    const { query, key, value } = this.#columns;
    using stack = new DisposableStack();
    const heads = await (async (): Promise<[Tensor, Tensor, Tensor]> => {
      using all = await this.#parts.linear("qkv", x, options);
      return [
        stack.use(await ops.selectColumns(all, query)),
        stack.use(await ops.selectColumns(all, key)),
        stack.use(await ops.selectColumns(all, value)),
      ];
    })();
    stack.move();
    return await finishHeads(this.#parts, heads, place, options.sequences);
  }

  collect(mixed: Tensor): Promise<Tensor> {
    return Promise.resolve(this.#parts.ops.reshape(mixed, mixed.shape));
  }
}
