/**
 * Seeded random data, the same in every run.
 *
 * @module
 */

/** `size` values of about standard normal distribution (sums of four uniform ones), times `scale`. */
export function seededNormal(size: number, seed: number, scale = 1): Float32Array<ArrayBuffer> {
  const values = new Float32Array(size);
  let state = (seed * 2654435761 + 1) >>> 0;
  const next = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < size; i++) {
    values[i] = (next() + next() + next() + next() - 2) * Math.sqrt(3) * scale;
  }
  return values;
}
