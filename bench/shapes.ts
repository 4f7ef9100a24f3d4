/**
 * The works that are compared: linears of Llama-3.2-1B (2048, 8192) and Llama-2-7B (4096, 11008).
 *
 * @module
 */

import type { Work } from "./work.ts";

/** [outputs, inputs]. */
const PRODUCTS: readonly [number, number][] = [
  [2048, 2048],
  [8192, 2048],
  [4096, 4096],
  [11008, 4096],
];
const VECTORS: readonly [number, number][] = [[4096, 4096], [11008, 4096], [4096, 11008]];
const PREFILL: readonly [number, number][] = [[8192, 2048], [4096, 4096]];

/** By group: products of many tokens, matrix and vector, prefill with 4-bit weights, Gram matrices. */
export const COMPARED: Readonly<Record<string, readonly Work[]>> = {
  products: (["bf16", "fp32"] as const).flatMap((stored) =>
    [256, 512].flatMap((T) =>
      PRODUCTS.map(([N, K]): Work => ({ kind: "product", stored, T, N, K }))
    )
  ),
  vectors: VECTORS.map(([N, K]): Work => ({ kind: "int4", T: 1, N, K })),
  prefill: PREFILL.map(([N, K]): Work => ({ kind: "int4", T: 512, N, K })),
  gram: [
    { kind: "gram", T: 2048, K: 2048 },
    { kind: "gram", T: 2048, K: 4096 },
  ],
};

/** The same work in a size that takes no time. */
export function shrink(work: Work): Work {
  const T = Math.ceil(work.T / 16);
  const K = Math.ceil(work.K / 8 / 256) * 256;
  return work.kind === "gram"
    ? { ...work, T, K }
    : { ...work, T, K, N: Math.ceil(work.N / 256) * 32 };
}
