/**
 * Plain 4-bit rounding in blocks along the inputs, for the peer that takes integers as they are.
 *
 * @module
 */

/** Integers of a weight [N, K], two to a byte, the first in the low half; one zero point a block. */
export interface Int4Blocks {
  /** [N, K / block, block / 2]. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** [N, K / block]. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** [N, ceil(K / block / 2)], two to a byte. */
  readonly zeros: Uint8Array<ArrayBuffer>;
  /** The first rows as they are used, [count, K]. */
  readonly rows: Float32Array<ArrayBuffer>;
}

/** Rounds w [N, K] to integers 0 to 15 over each block's smallest to largest weight. */
export function roundInt4(
  w: Float32Array,
  N: number,
  K: number,
  block: number,
  count: number,
): Int4Blocks {
  const blocks = K / block;
  const zeroBytes = Math.ceil(blocks / 2);
  const codes = new Uint8Array(N * K / 2);
  const scales = new Float32Array(N * blocks);
  const zeros = new Uint8Array(N * zeroBytes);
  const rows = new Float32Array(Math.min(count, N) * K);
  for (let n = 0; n < N; n++) {
    for (let b = 0; b < blocks; b++) {
      const from = n * K + b * block;
      let least = 0;
      let most = 0;
      for (let k = from; k < from + block; k++) {
        least = Math.min(least, w[k]!);
        most = Math.max(most, w[k]!);
      }
      const scale = Math.fround((most - least) / 15) || 1;
      const zero = Math.min(15, Math.max(0, Math.round(-least / scale)));
      scales[n * blocks + b] = scale;
      zeros[n * zeroBytes + (b >> 1)]! |= zero << (b & 1) * 4;
      for (let k = from; k < from + block; k++) {
        const code = Math.min(15, Math.max(0, Math.round(w[k]! / scale) + zero));
        codes[k >> 1]! |= code << (k & 1) * 4;
        if (k < rows.length) rows[k] = (code - zero) * scale;
      }
    }
  }
  return { codes, scales, zeros, rows };
}
