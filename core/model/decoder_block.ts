/**
 * The block that Llama and its relatives share, as it runs.
 *
 * @module
 */

import type { Ops, Weight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import type { KvCache } from "./kv_cache.ts";
import type { Block, BlockLinear, BlockNorm, BlockRun } from "./model.ts";
import type { RopeCache } from "./rope_cache.ts";

/** What a block is made of. */
export interface BlockParts {
  /** Its index. */
  readonly index: number;
  /** Its name, for example `model.layers.0`. */
  readonly name: string;
  /** The model's sizes. */
  readonly config: ModelConfig;
  /** Where it runs. */
  readonly ops: Ops;
  /** The model's rotary tables; must outlive the block. */
  readonly rope: RopeCache;
  /** Its linears by role. */
  readonly linears: ReadonlyMap<string, BlockLinear>;
  /** Its norms by role. */
  readonly norms: ReadonlyMap<string, BlockNorm>;
  /** Freed with the block. */
  readonly owned: readonly Disposable[];
}

/** Weights in place of some of a block's own, by role. */
export interface BlockReplacement {
  /** Linears by role. */
  readonly linears?: ReadonlyMap<string, BlockLinear>;
  /** Norms by role. */
  readonly norms?: ReadonlyMap<string, BlockNorm>;
  /** Freed with the new block. Default: nothing. */
  readonly owned?: readonly Disposable[];
}

/** A block from its weights. */
export function makeBlock(parts: BlockParts): Block {
  return new DecoderBlock(parts);
}

/**
 * A block like `block` with some weights replaced: what a plugin's folds or a quantization made of it.
 * It frees only what `replacement.owned` lists; weights that it shares with `block` must outlive it.
 */
export function replaceWeights(block: Block, replacement: BlockReplacement): Block {
  if (!(block instanceof DecoderBlock)) {
    throw new SalientError("failed", `Block ${block.name} cannot be given other weights`);
  }
  return block.withWeights(replacement);
}

class DecoderBlock implements Block {
  readonly index: number;
  readonly name: string;
  readonly linears: ReadonlyMap<string, BlockLinear>;
  readonly norms: ReadonlyMap<string, BlockNorm>;
  readonly #parts: BlockParts;
  readonly #ops: Ops;
  readonly #config: ModelConfig;

  constructor(parts: BlockParts) {
    this.index = parts.index;
    this.name = parts.name;
    this.linears = parts.linears;
    this.norms = parts.norms;
    this.#parts = parts;
    this.#ops = parts.ops;
    this.#config = parts.config;
  }

  withWeights(replacement: BlockReplacement): DecoderBlock {
    return new DecoderBlock({
      ...this.#parts,
      linears: new Map([...this.linears, ...replacement.linears ?? []]),
      norms: new Map([...this.norms, ...replacement.norms ?? []]),
      owned: replacement.owned ?? [],
    });
  }

  async run(hidden: Tensor, options: BlockRun): Promise<Tensor> {
    using normed = await this.#norm("attention", hidden);
    // The module's output is a new tensor, so the residual is added into it and not into the input.
    using middle = await this.#attention(normed, options);
    await this.#ops.addInPlace(middle, hidden);
    using mlpInput = await this.#norm("mlp", middle);
    const output = await this.#mlp(mlpInput, options);
    try {
      await this.#ops.addInPlace(output, middle);
    } catch (error) {
      output[Symbol.dispose]();
      throw error;
    }
    return output;
  }

  runModule(module: "attention" | "mlp", input: Tensor, options: BlockRun): Promise<Tensor> {
    return module === "attention" ? this.#attention(input, options) : this.#mlp(input, options);
  }

  [Symbol.dispose](): void {
    for (const resource of this.#parts.owned) resource[Symbol.dispose]();
  }

  /** x [T, H], the output of the norm before it. */
  async #attention(x: Tensor, options: BlockRun): Promise<Tensor> {
    const { heads, kvHeads } = this.#config;
    const caches = options.caches ?? (options.cache === undefined ? undefined : [options.cache]);
    const rows = rowsPerSequence(x, options, caches);
    const start = options.start ?? caches?.[0]?.length ?? 0;
    await options.observe?.("attention", x);
    using q = await this.#linear("q", x, options);
    using k = await this.#linear("k", x, options);
    using v = await this.#linear("v", x, options);
    using normedQ = await this.#headNorm("q", q, heads);
    using normedK = await this.#headNorm("k", k, kvHeads);
    const [query, key] = [normedQ ?? q, normedK ?? k];
    const shape = { headDim: this.#config.headDim, sequences: options.sequences };
    using rope = this.#parts.rope.lease(start, rows);
    await this.#ops.rope(query, rope.table, { ...shape, heads, start: rope.start });
    await this.#ops.rope(key, rope.table, { ...shape, heads: kvHeads, start: rope.start });
    using mixed = caches === undefined
      ? await this.#ops.attention(query, key, v, {
        ...shape,
        heads,
        kvHeads,
        scale: this.#scale,
        window: this.#window,
        queryStart: 0,
      })
      : await this.#cachedAttention(query, key, v, rows, caches);
    await options.observe?.("attentionOutput", mixed);
    return await this.#linear("o", mixed, options);
  }

  /** Appends k and v to each sequence's cache and attends to all that it holds. */
  async #cachedAttention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: number,
    caches: readonly KvCache[],
  ): Promise<Tensor> {
    const ops = this.#ops;
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
    const queryStart = cache.length;
    await cache.append(this.#ops, k, v);
    return await this.#ops.attention(q, cache.keys, cache.values, {
      heads: this.#config.heads,
      kvHeads: this.#config.kvHeads,
      headDim: this.#config.headDim,
      sequences: 1,
      scale: this.#scale,
      window: this.#window,
      queryStart,
      keyLength: cache.length,
    });
  }

  /** x [T, H], the output of the norm before it. */
  async #mlp(x: Tensor, options: BlockRun): Promise<Tensor> {
    await options.observe?.("mlp", x);
    using gate = await this.#linear("gate", x, options);
    using up = await this.#linear("up", x, options);
    using hidden = await this.#ops.gatedActivation(gate, up, this.#config.activation);
    await options.observe?.("mlpHidden", hidden);
    return await this.#linear("down", hidden, options);
  }

  get #scale(): number {
    return 1 / Math.sqrt(this.#config.headDim);
  }

  get #window(): number {
    return this.#config.windows[this.index] ?? 0;
  }

  #linear(role: string, x: Tensor, options: BlockRun): Promise<Tensor> {
    const linear = this.linears.get(role);
    if (linear === undefined) throw missing(this.name, role);
    const weight: Weight = options.overrides?.get(linear.info.name) ?? linear.weight;
    const { bias, activation } = linear;
    return this.#ops.linear(x, weight, { bias, activation, precision: options.precision });
  }

  #norm(role: string, x: Tensor): Promise<Tensor> {
    const norm = this.norms.get(role);
    if (norm === undefined) throw missing(this.name, role);
    return this.#ops.rmsNorm(x, norm.weight, this.#config.normEps, this.#config.normOffset);
  }

  /** x [T, heads * headDim] normed head by head; undefined where the family has no such norm. */
  async #headNorm(role: string, x: Tensor, heads: number): Promise<Tensor | undefined> {
    if (!this.norms.has(role)) return undefined;
    const rows = x.shape[0] ?? 0;
    using split = this.#ops.reshape(x, [rows * heads, this.#config.headDim]);
    using normed = await this.#norm(role, split);
    return this.#ops.reshape(normed, x.shape);
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

function missing(block: string, role: string): SalientError {
  return new SalientError("failed", `Block ${block} has no part ${role}`);
}
