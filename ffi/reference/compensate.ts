/**
 * GPTQ as it was published (Frantar et al., 2022, algorithm 1), in fp64 and without its blocks.
 *
 * @module
 */

import type { AffineGrid, FactorOptions } from "../../core/backend.ts";
import { GroupRounder } from "./group_rounder.ts";
import type { PlainQuantized } from "./quantize.ts";

/** What is kept of a Gram. */
export interface PlainFactor {
  /** `order[p]` is the input whose column is rounded as number p. */
  readonly order: Uint32Array;
  /** By input: whether it is 0 for every token. */
  readonly dead: Uint8Array;
  /** [K, K] in the order of rounding: upper U with U^T U = inverse of the damped Gram. */
  readonly upper: Float64Array;
  /** The damping that was needed, and what it added to the diagonal. */
  readonly damping: number;
  readonly added: number;
}

/** A pivot below this part of its diagonal element is rounding noise: the matrix counts as singular. */
const NOISE = 2 ** -23;

/** Factorizes a Gram [K, K]; undefined if it is not positive definite after all tries. */
export function factorGram(
  gram: Float32Array,
  K: number,
  options: FactorOptions,
): PlainFactor | undefined {
  const order = orderOf(gram, K, options);
  const dead = Uint8Array.from({ length: K }, (_, k) => gram[k * K + k] === 0 ? 1 : 0);
  const living = dead.reduce((count, isDead) => count + 1 - isDead, 0);
  let sum = 0;
  for (let k = 0; k < K; k++) sum += gram[k * K + k]!;
  let { damping } = options;
  for (let attempt = 0; attempt < options.tries; attempt++) {
    const added = damping * (living > 0 ? sum / living : 1);
    const damped = new Float64Array(K * K);
    for (let i = 0; i < K; i++) {
      for (let j = 0; j < K; j++) damped[i * K + j] = gram[order[i]! * K + order[j]!]!;
      damped[i * K + i] = (dead[order[i]!] ? 1 : damped[i * K + i]!) + added;
    }
    const upper = inverseFactor(damped, K);
    if (upper !== undefined) return { order, dead, upper, damping, added };
    damping = damping > 0 ? damping * 10 : 1e-4;
  }
  return undefined;
}

/** Rounds w [N, K] column by column into `out` and returns the squared error of the output. */
export function compensate(
  w: Float32Array,
  N: number,
  factor: PlainFactor,
  grid: AffineGrid,
  options: { dynamic: boolean; ranges: PlainQuantized | undefined },
  out: PlainQuantized,
): number {
  const { order, dead, upper, added } = factor;
  const K = order.length;
  const { groupSize } = grid;
  const groups = K / groupSize;
  const dynamic = options.dynamic && options.ranges === undefined && groups > 1;
  const rounder = new GroupRounder(grid);
  const values = new Float32Array(groupSize);
  let loss = 0;
  for (let n = 0; n < N; n++) {
    const original = w.subarray(n * K, (n + 1) * K).map((value, k) => dead[k] ? 0 : value);
    const current = Float64Array.from(order, (k) => original[k]!);
    const scales = out.scales.subarray(n * groups, (n + 1) * groups);
    const zeros = out.zeros.subarray(n * groups, (n + 1) * groups);
    const fit = (group: number, weights: Float32Array): void => {
      rounder.fit(weights, 0, groupSize);
      scales[group] = rounder.scale;
      zeros[group] = rounder.zero;
    };
    for (let group = 0; group < groups && !dynamic; group++) {
      fit(group, original.subarray(group * groupSize, (group + 1) * groupSize));
    }
    if (options.ranges !== undefined) {
      scales.set(options.ranges.scales.subarray(n * groups, (n + 1) * groups));
      zeros.set(options.ranges.zeros.subarray(n * groups, (n + 1) * groups));
    }
    for (let p = 0; p < K; p++) {
      const k = order[p]!;
      const group = Math.floor(k / groupSize);
      if (dynamic && p % groupSize === 0) {
        values.set(current.subarray(p, p + groupSize));
        fit(group, values);
      }
      rounder.scale = scales[group]!;
      rounder.zero = zeros[group]!;
      const code = rounder.code(Math.fround(current[p]!));
      out.codes[n * K + k] = code;
      const error = (current[p]! - rounder.value(code)) / upper[p * K + p]!;
      for (let j = p + 1; j < K; j++) current[j]! -= error * upper[p * K + j]!;
      const difference = original[k]! - rounder.value(code);
      loss += error * error - added * difference * difference;
    }
  }
  return loss;
}

function orderOf(gram: Float32Array, K: number, options: FactorOptions): Uint32Array {
  const { order, groupSize = K } = options;
  const natural = Uint32Array.from({ length: K }, (_, k) => k);
  if (order === "natural") return natural;
  const diagonal = natural.reduce(
    (all, k) => (all[k] = gram[k * K + k]!, all),
    new Float64Array(K),
  );
  const sums = new Float64Array(K);
  diagonal.forEach((value, k) => sums[Math.floor(k / groupSize)]! += value);
  return natural.sort((a, b) => {
    const [first, second] = [Math.floor(a / groupSize), Math.floor(b / groupSize)];
    if (order === "groups" && first !== second) {
      return sums[second]! - sums[first]! || first - second;
    }
    return diagonal[b]! - diagonal[a]! || a - b;
  });
}

/** Upper U with U^T U = H^-1: the inverse of R, R R^T = H. Undefined if H is not positive definite. */
function inverseFactor(h: Float64Array, K: number): Float64Array | undefined {
  for (let j = K - 1; j >= 0; j--) { // R over the upper half of H
    for (let i = j; i >= 0; i--) {
      let rest = h[i * K + j]!;
      for (let k = j + 1; k < K; k++) rest -= h[i * K + k]! * h[j * K + k]!;
      if (i < j) h[i * K + j] = rest / h[j * K + j]!;
      else if (rest > h[j * K + j]! * NOISE && rest < Infinity) h[j * K + j] = Math.sqrt(rest);
      else return undefined;
    }
  }
  const upper = new Float64Array(K * K);
  for (let j = 0; j < K; j++) {
    upper[j * K + j] = 1 / h[j * K + j]!;
    for (let i = j - 1; i >= 0; i--) {
      let sum = 0;
      for (let k = i + 1; k <= j; k++) sum += h[i * K + k]! * upper[k * K + j]!;
      upper[i * K + j] = -sum / h[i * K + i]!;
    }
  }
  return upper;
}
