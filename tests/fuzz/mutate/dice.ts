/**
 * Choices that a seed decides.
 *
 * @module
 */

import { seededRandom } from "../../../core/random.ts";

/** Random choices, the same for the same seed. */
export class Dice {
  readonly #random: () => number;

  /** Dice of a seed. */
  constructor(seed: string) {
    this.#random = seededRandom(seed);
  }

  /** A whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of several. */
  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new Error("There is nothing to choose from");
    return values[this.below(values.length)]!;
  }
}

/** Whole numbers at which counts, sizes and offsets go wrong. */
export const EDGES: readonly number[] = [
  0,
  1,
  2,
  7,
  255,
  256,
  65535,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 60,
  2 ** 63,
];
