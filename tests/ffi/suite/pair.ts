/**
 * Two backends side by side: the one under test and the reference.
 *
 * @module
 */

import type { Backend } from "../../../core/backend.ts";
import { seededRandom } from "../../../core/random.ts";
import type { DType, Tensor } from "../../../core/tensor.ts";
import { encode } from "./encode.ts";

/** The same thing in both backends. */
export interface Both<T> {
  readonly tested: T;
  readonly oracle: T;
}

/** Picks the backend's own of a pair of things. */
export type Use = <T>(both: Both<T>) => T;

/** Feeds both backends the same data, and disposes all they give back in the end. */
export class Pair implements Disposable {
  readonly tested: Backend;
  readonly oracle: Backend;
  readonly #random: () => number;
  readonly #owned = new DisposableStack();

  /** The random numbers depend on `seed` alone. */
  constructor(tested: Backend, oracle: Backend, seed: string) {
    this.tested = tested;
    this.oracle = oracle;
    this.#random = seededRandom(seed);
  }

  /** A random whole number from `low` to `high`. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  /** Random fp32 numbers, normally distributed around 0 with this deviation. */
  normal(count: number, deviation = 1): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: count }, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - this.#random()));
      return deviation * radius * Math.cos(2 * Math.PI * this.#random());
    });
  }

  /** Positive random fp32 numbers around 1. */
  positive(count: number): Float32Array<ArrayBuffer> {
    return this.normal(count, 0.4).map(Math.exp);
  }

  /** Puts values, rounded to `dtype`, in both backends. */
  put(values: Float32Array, dtype: DType, shape: readonly number[]): Both<Tensor> {
    const data = encode(values, dtype);
    return this.keep({
      tested: this.tested.upload(data, dtype, shape),
      oracle: this.oracle.upload(data, dtype, shape),
    });
  }

  /** Random normal values in both backends. */
  random(dtype: DType, shape: readonly number[], deviation = 1): Both<Tensor> {
    const count = shape.reduce((product, length) => product * length, 1);
    return this.put(this.normal(count, deviation), dtype, shape);
  }

  /** Runs the same in both backends. */
  async run<R>(body: (backend: Backend, use: Use) => R | Promise<R>): Promise<Both<R>> {
    const tested = await body(this.tested, (both) => both.tested);
    const oracle = await body(this.oracle, (both) => both.oracle);
    return this.keep({ tested, oracle });
  }

  /** Disposes of both things in the end, if they can be disposed. */
  keep<R>(both: Both<R>): Both<R> {
    for (const thing of [both.tested, both.oracle]) {
      if (typeof thing === "object" && thing !== null && Symbol.dispose in thing) {
        this.#owned.use(thing as unknown as Disposable);
      }
    }
    return both;
  }

  /** The values of both tensors as fp32. */
  values(both: Both<Tensor>): Both<Float32Array<ArrayBuffer>> {
    return {
      tested: this.tested.download(both.tested),
      oracle: this.oracle.download(both.oracle),
    };
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
