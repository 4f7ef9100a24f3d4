/**
 * Matrix products: linear layers with plain and with packed weights, and the Gram of inputs.
 *
 * @module
 */

import { roundToBF16 } from "./conversion.ts";
import type { ReferencePacked } from "./packed_weight.ts";
import { rowProducts } from "./row_products.ts";

/** y [T, N] = x [T, K] w^T + bias, summed in fp64. `bf16` rounds x and w to BF16 first. */
export function linear(
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | undefined,
  y: Float32Array,
  size: { T: number; K: number; N: number },
  bf16: boolean,
): void {
  const { T, K, N } = size;
  const weight = bf16 ? w.map(roundToBF16) : w;
  const vector = new Float64Array(K);
  const sums = new Float64Array(N);
  for (let t = 0; t < T; t++) {
    for (let k = 0; k < K; k++) {
      const value = x[t * K + k]!;
      vector[k] = bf16 ? roundToBF16(value) : value;
    }
    rowProducts(weight, N, vector, sums);
    for (let n = 0; n < N; n++) y[t * N + n] = sums[n]! + (bias?.[n] ?? 0);
  }
}

/** The same with a packed weight, of which one row is unpacked at a time. */
export function packedLinear(
  x: Float32Array,
  packed: ReferencePacked,
  bias: Float32Array | undefined,
  y: Float32Array,
  size: { T: number; K: number; N: number },
): void {
  const { T, K, N } = size;
  const row = new Float64Array(K);
  const sums = new Float64Array(T);
  for (let n = 0; n < N; n++) {
    packed.unpackRow(n, row);
    rowProducts(x, T, row, sums);
    for (let t = 0; t < T; t++) y[t * N + n] = sums[t]! + (bias?.[n] ?? 0);
  }
}

/** gram [K, K] += x^T x for x [T, K]. One triangle is computed and mirrored. */
export function accumulateGram(x: Float32Array, gram: Float32Array, T: number, K: number): void {
  const channels = new Float32Array(K * T); // x^T
  for (let t = 0; t < T; t++) {
    for (let k = 0; k < K; k++) channels[k * T + t] = x[t * K + k]!;
  }
  const sums = new Float64Array(K);
  for (let i = 0; i < K; i++) {
    rowProducts(channels, i + 1, Float64Array.from(channels.subarray(i * T, (i + 1) * T)), sums);
    for (let j = 0; j <= i; j++) {
      const value = Math.fround(gram[i * K + j]! + sums[j]!);
      gram[i * K + j] = value;
      gram[j * K + i] = value;
    }
  }
}
