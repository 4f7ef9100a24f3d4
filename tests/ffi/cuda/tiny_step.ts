/**
 * A step of decoding made of plain operations: what a recorded step is tested with.
 *
 * @module
 */

import type { Backend } from "../../../core/backend.ts";
import { normalNumbers } from "../../../core/random.ts";
import type { Tensor } from "../../../core/tensor.ts";

/** How the step computes. */
export interface TinyStepOptions {
  /** Rows of the cache. */
  capacity: number;
  /** A token sees so many; 0 for all. Default 0. */
  window?: number;
  /** Key and value heads of the 4. Default 4. */
  kvHeads?: number;
  /** Softcap of the scores. Default 0. */
  softcap?: number;
  /** Adds a learned position as GPT-2 does. Default false. */
  positions?: boolean;
  /** ALiBi's slopes. Default: none. */
  slopes?: boolean;
}

const [VOCABULARY, HEADS, WIDTH] = [50, 4, 16];
const H = HEADS * WIDTH;

/** One layer of attention over a cache, between an embedding and a head. */
export class TinyStep implements Disposable {
  /** [capacity, kvHeads * 16]. */
  readonly keys: Tensor;
  readonly #values: Tensor;
  readonly #backend: Backend;
  readonly #options: Required<TinyStepOptions>;
  readonly #weights = new Map<string, Tensor>();
  readonly #owned = new DisposableStack();

  /** The same weights for the same options. */
  constructor(backend: Backend, options: TinyStepOptions) {
    this.#backend = backend;
    const all = {
      window: 0,
      kvHeads: HEADS,
      softcap: 0,
      positions: false,
      slopes: false,
      ...options,
    };
    this.#options = all;
    const kv = all.kvHeads * WIDTH;
    const shapes: Record<string, number[]> = {
      embedding: [VOCABULARY, H],
      positions: [all.capacity + 2, H],
      norm: [H],
      q: [H, H],
      k: [kv, H],
      v: [kv, H],
      o: [H, H],
      head: [VOCABULARY, H],
      table: [all.capacity, WIDTH],
    };
    for (const [name, shape] of Object.entries(shapes)) {
      const values = normalNumbers(name, shape.reduce((a, b) => a * b, 1)).map((x) => x * 0.3);
      this.#weights.set(name, this.#owned.use(backend.upload(values, "F32", shape)));
    }
    this.keys = this.#owned.use(backend.zeros("F32", [all.capacity, kv]));
    this.#values = this.#owned.use(backend.zeros("F32", [all.capacity, kv]));
  }

  /** Logits [1, 50] of a token at a position. */
  async run(id: number, position: number): Promise<Tensor> {
    const ops = this.#backend;
    const { kvHeads, window, softcap, slopes } = this.#options;
    using stack = new DisposableStack();
    const weight = (name: string): Tensor => this.#weights.get(name)!;
    const x = stack.use(await ops.embed(weight("embedding"), Int32Array.of(id)));
    if (this.#options.positions) {
      const places = await ops.embed(weight("positions"), Int32Array.of(position + 2));
      await ops.addInPlace(x, stack.use(places));
    }
    const normed = stack.use(await ops.rmsNorm(x, weight("norm"), 1e-5, 0));
    const q = stack.use(await ops.linear(normed, weight("q")));
    const k = stack.use(await ops.linear(normed, weight("k")));
    const v = stack.use(await ops.linear(normed, weight("v")));
    const rotated = { headDim: WIDTH, sequences: 1, start: position };
    await ops.rope(q, weight("table"), { ...rotated, heads: HEADS });
    await ops.rope(k, weight("table"), { ...rotated, heads: kvHeads });
    await ops.copyRows(k, this.keys, position);
    await ops.copyRows(v, this.#values, position);
    // Their memory is free for what comes: not for the columns and factors that the host gives.
    for (const tensor of [k, v, normed]) tensor[Symbol.dispose]();
    const mixed = stack.use(
      await ops.attention(q, this.keys, this.#values, {
        heads: HEADS,
        kvHeads,
        headDim: WIDTH,
        sequences: 1,
        scale: 0.25,
        window,
        softcap,
        queryStart: position,
        keyLength: position + 1,
        ...(slopes ? { slopes: Float32Array.of(0.5, 0.25, 0.125, 0.0625) } : {}),
      }),
    );
    const reversed = Int32Array.from({ length: H }, (_, i) => H - 1 - i);
    const turned = stack.use(await ops.selectColumns(mixed, reversed));
    const out = stack.use(await ops.linear(turned, weight("o")));
    await ops.addInPlace(out, x);
    const scaled = stack.use(await ops.scaleColumns(out, new Float32Array(H).fill(0.5)));
    return await ops.linear(scaled, weight("head"));
  }

  /** Frees weights and cache. */
  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
