/**
 * How ggml stores numbers.
 *
 * @module
 */

/** The types of tensors in a GGUF file that are read and written. */
export type GgmlType = "F32" | "F16" | "BF16" | "Q4_0" | "Q4_1" | "Q8_0" | "Q4_K";

/** What is known of a type. */
export interface GgmlTypeInfo {
  /** Its number in a file. */
  readonly id: number;
  /** Values of a block. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** The types by name. */
export const GGML_TYPES: Readonly<Record<GgmlType, GgmlTypeInfo>> = {
  F32: { id: 0, values: 1, bytes: 4 },
  F16: { id: 1, values: 1, bytes: 2 },
  BF16: { id: 30, values: 1, bytes: 2 },
  Q4_0: { id: 2, values: 32, bytes: 18 },
  Q4_1: { id: 3, values: 32, bytes: 20 },
  Q8_0: { id: 8, values: 32, bytes: 34 },
  Q4_K: { id: 12, values: 256, bytes: 144 },
};

/** Bytes of `count` values, which fill whole blocks. */
export function ggmlBytes(type: GgmlType, count: number): number {
  const { values, bytes } = GGML_TYPES[type];
  return count / values * bytes;
}
