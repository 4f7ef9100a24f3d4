/**
 * How much work a benchmark does, from the words in its name: bytes that must be read at least, and
 * operations. The reporter divides by the measured time.
 *
 * @module
 */

/** A product x [T, K] W^T with W [N, K]. */
export interface LinearWork {
  /** Tokens. */
  readonly T: number;
  /** Outputs. */
  readonly N: number;
  /** Inputs. */
  readonly K: number;
}

/** How a weight is stored. */
export type Stored = "fp32" | "bf16" | "int4 g128";

/** Bytes for each weight; a group of 128 has 128 nibbles, an fp16 scale and a 4-bit zero point. */
const BYTES_PER_WEIGHT: Readonly<Record<Stored, number>> = {
  "fp32": 4,
  "bf16": 2,
  "int4 g128": (64 + 2 + 0.5) / 128,
};

/** The group that a product's benchmarks stand in. */
export function linearGroup({ T, N, K }: LinearWork): string {
  return `linear T=${T} N=${N} K=${K}`;
}

/** Bytes and operations of one iteration; undefined for a benchmark that is not a product. */
export function workOf(group: string, name: string): { bytes: number; flops: number } | undefined {
  const match = /^linear T=(\d+) N=(\d+) K=(\d+)$/.exec(group);
  const stored = (Object.keys(BYTES_PER_WEIGHT) as Stored[]).find((word) => name.startsWith(word));
  if (match === null || stored === undefined) return undefined;
  const [T, N, K] = match.slice(1).map(Number) as [number, number, number];
  return {
    bytes: N * K * BYTES_PER_WEIGHT[stored] + 4 * T * (N + K),
    flops: 2 * T * N * K,
  };
}
