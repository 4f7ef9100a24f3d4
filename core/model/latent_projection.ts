/**
 * Queries, keys and values from latent vectors: multi-head latent attention (DeepSeek-V2, 2024, section 2.1).
 *
 * @module
 */

import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import type { HeadProjection, Heads, RowPlace } from "./head_projection.ts";
import type { ProjectionLayout } from "./layout.ts";
import type { BlockRun } from "./model.ts";
import { rotateHeads } from "./rotate_heads.ts";

type LatentLayout = Extract<ProjectionLayout, { kind: "latent" }>;

/**
 * Linears `qA`, `qB` (or `q` alone), `kvA` and `kvB`, with norms `qA` and `kvA` between them. Heads are put together with the
 * rotated channels first, where the rotation wants them; scores do not depend on the order. Values are as
 * wide as keys, with zeros behind them.
 */
export class LatentProjection implements HeadProjection {
  readonly #parts: BlockParts;
  readonly #layout: LatentLayout;
  readonly #columns: Columns;

  /** The projection of a block. */
  constructor(parts: BlockParts, layout: LatentLayout) {
    this.#parts = parts;
    this.#layout = layout;
    this.#columns = columnsOf(layout, parts.layout.attention.heads);
  }

  async project(x: Tensor, place: RowPlace, options: BlockRun): Promise<Heads> {
    const { ops } = this.#parts;
    const { heads, headDim } = this.#parts.layout.attention;
    const { ropeDim } = this.#layout;
    using stack = new DisposableStack();
    using queries = await this.#queries(x, options);
    const query = stack.use(await ops.selectColumns(queries, this.#columns.query));
    using compressed = await this.#parts.linear("kvA", x, options);
    using shared = await ops.selectColumns(compressed, this.#columns.sharedKey);
    await rotateHeads(this.#parts, place, options.sequences, [
      { x: query, heads, headDim },
      { x: shared, heads: 1, headDim: ropeDim },
    ]);
    using latent = await ops.selectColumns(compressed, this.#columns.latent);
    using normed = await this.#parts.norm("kvA", latent);
    await options.observe?.("keyValueLatent", normed);
    using expanded = await this.#parts.linear("kvB", normed, options);
    const key = stack.use(await ops.selectColumns(expanded, this.#columns.key));
    using rotated = await ops.selectColumns(shared, this.#columns.spreadKey);
    await ops.addInPlace(key, rotated);
    const value = stack.use(await ops.selectColumns(expanded, this.#columns.value));
    const owned = stack.move();
    return { query, key, value, [Symbol.dispose]: () => owned.dispose() };
  }

  collect(mixed: Tensor): Promise<Tensor> {
    return this.#parts.ops.selectColumns(mixed, this.#columns.collected);
  }

  async #queries(x: Tensor, options: BlockRun): Promise<Tensor> {
    if (this.#layout.queryRank === 0) return await this.#parts.linear("q", x, options);
    using latent = await this.#parts.linear("qA", x, options);
    using normed = await this.#parts.norm("qA", latent);
    await options.observe?.("queryLatent", normed);
    return await this.#parts.linear("qB", normed, options);
  }
}

/** Which columns go where; -1 is a zero. */
interface Columns {
  readonly query: Int32Array;
  readonly latent: Int32Array;
  readonly sharedKey: Int32Array;
  readonly key: Int32Array;
  readonly spreadKey: Int32Array;
  readonly value: Int32Array;
  readonly collected: Int32Array;
}

function columnsOf(layout: LatentLayout, heads: number): Columns {
  const { kvRank, nopeDim, ropeDim, valueDim } = layout;
  const headDim = nopeDim + ropeDim;
  const expanded = nopeDim + valueDim;
  /** For each head, then each of `width` channels. */
  function each(width: number, column: (head: number, channel: number) => number): Int32Array {
    return Int32Array.from({ length: heads * width }, (_, i) => {
      return column(Math.floor(i / width), i % width);
    });
  }
  return {
    // The linear has [nope, rope] in each head; the rotation turns a head's first channels.
    query: each(headDim, (head, c) => head * headDim + (c + nopeDim) % headDim),
    latent: Int32Array.from({ length: kvRank }, (_, i) => i),
    sharedKey: Int32Array.from({ length: ropeDim }, (_, i) => kvRank + i),
    key: each(headDim, (head, c) => c < ropeDim ? -1 : head * expanded + c - ropeDim),
    spreadKey: each(headDim, (_, c) => c < ropeDim ? c : -1),
    value: each(headDim, (head, c) => c < valueDim ? head * expanded + nopeDim + c : -1),
    collected: each(valueDim, (head, c) => head * headDim + c),
  };
}
