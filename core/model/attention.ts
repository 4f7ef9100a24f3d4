/**
 * The attention of a block.
 *
 * @module
 */

import type { AttentionShape } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import { FusedProjection } from "./fused_projection.ts";
import type { HeadProjection } from "./head_projection.ts";
import type { KvCache } from "./kv_cache.ts";
import { LatentProjection } from "./latent_projection.ts";
import type { BlockRun } from "./model.ts";
import { SeparateProjection } from "./separate_projection.ts";

/** Attention with a block's linears, from the output of the norm before it to what is added to the stream. */
export class Attention {
  readonly #parts: BlockParts;
  readonly #projection: HeadProjection;

  /** The attention of a block. */
  constructor(parts: BlockParts) {
    this.#parts = parts;
    this.#projection = projectionOf(parts);
  }

  /** x [sequences * length, H] to [sequences * length, H]. */
  async run(x: Tensor, options: BlockRun): Promise<Tensor> {
    const { sequences } = options;
    const caches = options.caches ?? (options.cache === undefined ? undefined : [options.cache]);
    const rows = rowsPerSequence(x, options, caches);
    const start = options.start ?? caches?.[0]?.length ?? 0;
    await options.observe?.("attention", x);
    const length = Math.max(start + rows, options.length ?? 0);
    using heads = await this.#projection.project(x, { start, rows, length }, options);
    const { query, key, value } = heads;
    using mixed = caches === undefined
      ? await this.#parts.ops.attention(query, key, value, {
        ...this.#shape,
        sequences,
        queryStart: 0,
      })
      : await this.#cached(query, key, value, rows, caches);
    using output = await this.#projection.collect(mixed);
    await options.observe?.("attentionOutput", output);
    return await this.#parts.linear("o", output, options);
  }

  /** Appends k and v to each sequence's cache and attends to all that it holds. */
  async #cached(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: number,
    caches: readonly KvCache[],
  ): Promise<Tensor> {
    const { ops } = this.#parts;
    const [only] = caches;
    if (caches.length === 1 && only !== undefined) return await this.#attendTo(only, q, k, v);
    const output = ops.zeros("F32", q.shape);
    try {
      for (const [i, cache] of caches.entries()) {
        using query = ops.rows(q, i * rows, rows);
        using key = ops.rows(k, i * rows, rows);
        using value = ops.rows(v, i * rows, rows);
        using mixed = await this.#attendTo(cache, query, key, value);
        await ops.copyRows(mixed, output, i * rows);
      }
    } catch (error) {
      output[Symbol.dispose]();
      throw error;
    }
    return output;
  }

  async #attendTo(cache: KvCache, q: Tensor, k: Tensor, v: Tensor): Promise<Tensor> {
    const { ops } = this.#parts;
    const queryStart = cache.length;
    await cache.append(ops, k, v);
    return await ops.attention(q, cache.keys, cache.values, {
      ...this.#shape,
      sequences: 1,
      queryStart,
      keyLength: cache.length,
    });
  }

  get #shape(): Omit<AttentionShape, "sequences" | "queryStart"> {
    const { heads, kvHeads, headDim, scale, window, softcap, slopes } =
      this.#parts.layout.attention;
    return {
      heads,
      kvHeads,
      headDim,
      scale,
      window,
      ...(softcap === undefined ? {} : { softcap }),
      ...(slopes === undefined ? {} : { slopes }),
    };
  }
}

function projectionOf(parts: BlockParts): HeadProjection {
  const { projection } = parts.layout.attention;
  switch (projection.kind) {
    case "separate":
      return new SeparateProjection(parts);
    case "fused":
      return new FusedProjection(parts, projection);
    case "latent":
      return new LatentProjection(parts, projection);
  }
}

/** Rows of each sequence, checked. */
function rowsPerSequence(
  x: Tensor,
  options: BlockRun,
  caches: readonly KvCache[] | undefined,
): number {
  const total = x.shape[0] ?? 0;
  const { sequences } = options;
  if (!Number.isInteger(sequences) || sequences < 1 || total % sequences !== 0) {
    throw new SalientError("failed", `${total} rows are not ${sequences} sequences of one length`);
  }
  const length = caches?.[0]?.length;
  if (
    caches !== undefined &&
    (caches.length !== sequences || caches.some((cache) => cache.length !== length))
  ) {
    throw new SalientError(
      "failed",
      `${sequences} sequences need as many caches, all equally full, but got ${caches.length}`,
    );
  }
  return total / sequences;
}
