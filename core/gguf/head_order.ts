/**
 * The order of a head's channels.
 *
 * @module
 */

/**
 * Row `n` of an interleaved q or k is this row of Hugging Face's: channel 2i of a head is its channel i,
 * channel 2i + 1 its channel i + half.
 */
export function halvesRow(n: number, headDim: number): number {
  const within = n % headDim;
  return n - within + (within % 2) * (headDim / 2) + (within >> 1);
}

/** The inverse of {@linkcode halvesRow}: where row `n` of Hugging Face's lies in an interleaved q or k. */
export function interleavedRow(n: number, headDim: number): number {
  const within = n % headDim;
  const half = headDim / 2;
  return n - within + (within % half) * 2 + (within < half ? 0 : 1);
}
