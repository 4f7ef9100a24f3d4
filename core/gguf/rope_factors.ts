/**
 * The stretching of positions of Llama 3 as llama.cpp takes it.
 *
 * @module
 */

import type { RopeConfig } from "../model/config.ts";
import { ropeFrequencies } from "../model/rope.ts";

/** What each pair's frequency is divided by, [rotated / 2]; undefined where the rule is another. */
export function ropeFactors(rope: RopeConfig): Float32Array<ArrayBuffer> | undefined {
  if (rope.scaling !== "llama3") return undefined;
  const stretched = ropeFrequencies(rope, 1, 1).frequencies;
  const plain = ropeFrequencies({ ...rope, scaling: "default" }, 1, 1).frequencies;
  return Float32Array.from(plain, (frequency, i) => frequency / stretched[i]!);
}
