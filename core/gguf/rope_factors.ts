/**
 * The stretching of positions by a factor for each pair of channels, as llama.cpp takes it.
 *
 * @module
 */

import type { RopeConfig } from "../model/config.ts";
import { ropeFrequencies } from "../model/rope.ts";

/**
 * Tensors by name, [rotated / 2] each: what each pair's frequency is divided by. `rope_freqs.weight` is the rule of
 * Llama 3, the others are those of LongRoPE up to the original length and beyond it.
 */
export function ropeFactors(rope: RopeConfig): ReadonlyMap<string, Float32Array<ArrayBuffer>> {
  if (rope.factors !== undefined) {
    return new Map([
      ["rope_factors_long.weight", Float32Array.from(rope.factors.long)],
      ["rope_factors_short.weight", Float32Array.from(rope.factors.short)],
    ]);
  }
  if (rope.scaling !== "llama3") return new Map();
  const stretched = ropeFrequencies(rope, 1, 1).frequencies;
  const plain = ropeFrequencies({ ...rope, scaling: "default" }, 1, 1).frequencies;
  const factors = Float32Array.from(plain, (frequency, i) => frequency / stretched[i]!);
  return new Map([["rope_freqs.weight", factors]]);
}
