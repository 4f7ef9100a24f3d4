/**
 * Seeded random data, the same in every run.
 *
 * @module
 */

/** A 32-bit generator (xorshift): a function that gives numbers from 0 to 1, exclusive. */
export function seededUniform(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** `size` values of about standard normal distribution (sums of four uniform ones), times `scale`. */
export function seededNormal(size: number, seed: number, scale = 1): Float32Array<ArrayBuffer> {
  const values = new Float32Array(size);
  const next = seededUniform(seed);
  const width = Math.sqrt(3) * scale;
  for (let i = 0; i < size; i++) values[i] = (next() + next() + next() + next() - 2) * width;
  return values;
}

/** Whole numbers from 0 to `limit`, exclusive. */
export function seededIds(size: number, seed: number, limit: number): Int32Array<ArrayBuffer> {
  const next = seededUniform(seed);
  return Int32Array.from({ length: size }, () => Math.floor(next() * limit));
}
