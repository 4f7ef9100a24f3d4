/**
 * The factors of a fold, checked and made exact.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { ScaleSet } from "../plugin.ts";
import type { DType, Tensor } from "../tensor.ts";

/**
 * Makes sure that factors fit a set: one for each channel, finite, above 0, equal where they are
 * tied.
 *
 * @throws {SalientError} `plugin`, naming the set.
 */
export function checkFactors(set: ScaleSet, factors: unknown): asserts factors is Float32Array {
  if (!(factors instanceof Float32Array)) refuse(set, "are no Float32Array");
  if (factors.length !== set.channels) {
    refuse(set, `are ${factors.length} where ${set.channels} are wanted`);
  }
  const free = new Float32Array(set.freeChannels);
  for (const [k, factor] of factors.entries()) {
    if (!(factor > 0 && factor < Infinity)) {
      refuse(set, `have ${factor} for channel ${k}: they must be finite and above 0`);
    }
    const channel = set.channelOf[k] ?? 0;
    if (free[channel] === 0) free[channel] = factor;
    else if (free[channel] !== factor) {
      refuse(set, `differ for channels that are tied (${free[channel]} and ${factor})`);
    }
  }
}

function refuse(set: ScaleSet, text: string): never {
  throw new SalientError("plugin", `Factors of ${set.name} ${text}`, {
    tensor: set.source.name,
  });
}

/** Values divided by factors and rounded to how they are stored, and the factors that this makes. */
export interface StoredQuotient {
  /** The new values, in the stored type (F32 where the backend cannot write it). */
  readonly values: Tensor;
  /** Old value / new value, exactly what the linears have to make up for. */
  readonly ratios: Float32Array;
}

/**
 * Divides `values` by `factors` and rounds to `stored`. The ratio of old to new is then not quite
 * the factor; it is what keeps the fold exact. A value that would be rounded to 0 or to infinity
 * stays as it is, with the ratio 1.
 *
 * @param offset Added to a value where it is used (1 for norms that store w - 1).
 * @param ofZero The ratio of a value that is 0, which stays 0 whatever divides it.
 */
export async function divideStored(
  ops: Ops,
  values: Float32Array,
  factors: Float32Array,
  stored: DType,
  offset: number,
  ofZero: (factor: number) => number,
): Promise<StoredQuotient> {
  const wanted = values.map((value, k) => (value + offset) / (factors[k] ?? 1) - offset);
  const shape = [values.length];
  const rounded = await round(ops, wanted, shape, stored);
  const ratios = new Float32Array(values.length);
  for (const [k, value] of values.entries()) {
    const ratio = Math.fround((value + offset) / ((rounded[k] ?? 0) + offset));
    const usable = ratio > 0 && ratio < Infinity;
    if (!usable) rounded[k] = value;
    ratios[k] = usable ? ratio : value + offset === 0 ? ofZero(factors[k] ?? 1) : 1;
  }
  using full = ops.upload(rounded, "F32", shape);
  return { values: await ops.cast(full, castable(stored)), ratios };
}

async function round(
  ops: Ops,
  values: Float32Array,
  shape: readonly number[],
  stored: DType,
): Promise<Float32Array> {
  using full = ops.upload(values, "F32", shape);
  using rounded = await ops.cast(full, castable(stored));
  return ops.download(rounded);
}

/** The type itself if the backend can write it, else F32. */
export function castable(dtype: DType): "F32" | "F16" | "BF16" {
  return dtype === "F16" || dtype === "BF16" ? dtype : "F32";
}
