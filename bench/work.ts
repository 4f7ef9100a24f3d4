/**
 * What is measured: the works, their names, and how many bytes and operations each one is.
 *
 * @module
 */

/** A product x [T, K] W^T with W [N, K] stored as fp32 or bf16; inputs rounded to bf16 for the latter. */
export interface ProductWork {
  readonly kind: "product";
  /** How the weight is stored. */
  readonly stored: "fp32" | "bf16";
  /** Tokens. */
  readonly T: number;
  /** Outputs. */
  readonly N: number;
  /** Inputs. */
  readonly K: number;
}

/** A product whose weight is stored as 4-bit integers, 128 inputs (32 in Q4_0 and Q4_K) to a scale. */
export interface Int4Work {
  readonly kind: "int4";
  /** Tokens. */
  readonly T: number;
  /** Outputs. */
  readonly N: number;
  /** Inputs. */
  readonly K: number;
}

/** gram += X^T X for X [T, K] fp32. */
export interface GramWork {
  readonly kind: "gram";
  /** Tokens. */
  readonly T: number;
  /** Inputs. */
  readonly K: number;
}

/** One thing to time. */
export type Work = ProductWork | Int4Work | GramWork;

/** More than the last cache of the machines this was written on (32 MiB). */
const OUT_OF_CACHE = 160 * 2 ** 20;

/** Bytes of a weight: a group of 128 has 128 nibbles, an fp16 scale and a 4-bit zero point. */
const BYTES_PER_WEIGHT = { fp32: 4, bf16: 2, int4: (64 + 2 + 0.5) / 128 } as const;

/** The name that stands in tables: `int4 1 x 4096 x 11008` is tokens x inputs x outputs. */
export function nameOf(work: Work): string {
  if (work.kind === "gram") return `gram ${work.T} x ${work.K}`;
  const stored = work.kind === "int4" ? "int4" : work.stored;
  return `${stored} ${work.T} x ${work.K} x ${work.N}`;
}

/** The work of a name made by {@linkcode nameOf}; undefined for any other text. */
export function workOf(name: string): Work | undefined {
  const gram = /^gram (\d+) x (\d+)$/.exec(name);
  if (gram !== null) return { kind: "gram", T: Number(gram[1]), K: Number(gram[2]) };
  const match = /^(fp32|bf16|int4) (\d+) x (\d+) x (\d+)$/.exec(name);
  if (match === null) return undefined;
  const [T, K, N] = match.slice(2).map(Number) as [number, number, number];
  const stored = match[1] as "fp32" | "bf16" | "int4";
  return stored === "int4" ? { kind: "int4", T, N, K } : { kind: "product", stored, T, N, K };
}

/**
 * Bytes that must be read or written at least, and operations (a multiplication and an addition are
 * two). A Gram matrix is symmetric: half of it is counted.
 */
export function costOf(work: Work): { bytes: number; flops: number } {
  if (work.kind === "gram") {
    const { T, K } = work;
    return { bytes: 4 * T * K + 8 * K * K, flops: T * K * (K + 1) };
  }
  const { T, N, K } = work;
  const perWeight = BYTES_PER_WEIGHT[work.kind === "int4" ? "int4" : work.stored];
  return { bytes: N * K * perWeight + 4 * T * (N + K), flops: 2 * T * N * K };
}

/** Copies of a weight that are used in turn, so that each has left the cache when it is used again. */
export function copiesOf(work: Work): number {
  if (work.kind === "gram" || work.T > 1) return 1;
  return Math.ceil(OUT_OF_CACHE / costOf(work).bytes);
}
