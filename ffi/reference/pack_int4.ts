/**
 * Eight 4-bit integers in a 32-bit word.
 *
 * @module
 */

import type { Int4Layout } from "../../core/backend.ts";

/** Codes [N, K] to words [K, N/8] (`along: "out"`) or [N, K/8] (`"in"`). */
export function packInt4(
  codes: Uint8Array,
  words: Uint32Array,
  N: number,
  K: number,
  layout: Int4Layout,
): void {
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) {
      const { word, shift } = placeOf(n, k, N, K, layout);
      words[word]! |= (codes[n * K + k]! & 15) << shift;
    }
  }
}

/** The inverse of {@linkcode packInt4}. */
export function unpackInt4(
  words: Uint32Array,
  codes: Uint8Array,
  N: number,
  K: number,
  layout: Int4Layout,
): void {
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) {
      const { word, shift } = placeOf(n, k, N, K, layout);
      codes[n * K + k] = (words[word]! >>> shift) & 15;
    }
  }
}

function placeOf(
  n: number,
  k: number,
  N: number,
  K: number,
  { along, order }: Int4Layout,
): { word: number; shift: number } {
  if (along === "out") {
    return { word: k * (N / 8) + Math.floor(n / 8), shift: 4 * order.indexOf(n % 8) };
  }
  return { word: n * (K / 8) + Math.floor(k / 8), shift: 4 * order.indexOf(k % 8) };
}
