/**
 * Whether a grid is symmetric.
 *
 * @module
 */

/** Whether every zero point lies in the middle, at 2^(bits - 1). */
export function isSymmetric(zeros: Uint8Array, bits: number): boolean {
  const middle = 2 ** (bits - 1);
  return zeros.every((zero) => zero === middle);
}
