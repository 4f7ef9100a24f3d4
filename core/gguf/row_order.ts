/**
 * The order of a linear's rows.
 *
 * @module
 */

import type { AttentionLayout } from "../model/layout.ts";

/**
 * Which of Hugging Face's rows is row n of a GGUF file, [rows]; undefined where it is row n. A fused linear is all
 * queries, all keys, all values. Queries and keys have the channels of a pair next to each other where llama.cpp
 * turns neighbours and Hugging Face does not.
 *
 * @param role The linear's.
 * @param rotated Channels of each head that are brought together so; 0 for none.
 */
export function rowOrder(
  { projection, headDim }: AttentionLayout,
  role: string,
  rows: number,
  rotated: number,
): Int32Array | undefined {
  if (role === "qkv" && projection.kind === "fused") {
    const { query, key, value } = projection;
    const whole = Int32Array.from([...query, ...key, ...value]);
    return whole.every((row, n) => row === n) ? undefined : whole;
  }
  if ((role !== "q" && role !== "k") || projection.kind !== "separate") return undefined;
  if (rotated === 0) return undefined;
  return Int32Array.from({ length: rows }, (_, n) => halvesRow(n, headDim, rotated));
}

/** Where each of Hugging Face's rows lies in the file. */
export function inverseOrder(order: Int32Array): Int32Array {
  const inverse = new Int32Array(order.length);
  for (const [n, row] of order.entries()) inverse[row] = n;
  return inverse;
}

/** Channel 2i of a head is its channel i here, channel 2i + 1 its channel i + rotated / 2. */
function halvesRow(n: number, headDim: number, rotated: number): number {
  const within = n % headDim;
  if (within >= rotated) return n;
  return n - within + (within % 2) * (rotated / 2) + (within >> 1);
}
