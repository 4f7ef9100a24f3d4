/**
 * Rounding to ggml's Q8_0: blocks of 32 values, an fp16 scale and 32 signed bytes.
 *
 * @module
 */

/** Bytes of a block of 32 values. */
export const Q8_0_BYTES = 34;

/** The blocks of some values (a multiple of 32): scale = the largest magnitude / 127. */
export function toQ8_0(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / 32;
  const bytes = new Uint8Array(blocks * Q8_0_BYTES);
  const view = new DataView(bytes.buffer);
  for (let b = 0; b < blocks; b++) {
    const part = values.subarray(b * 32, b * 32 + 32);
    const scale = Math.fround(part.reduce((top, value) => Math.max(top, Math.abs(value)), 0) / 127);
    const inverse = scale === 0 ? 0 : 1 / scale;
    view.setFloat16(b * Q8_0_BYTES, scale, true);
    for (const [i, value] of part.entries()) {
      view.setInt8(b * Q8_0_BYTES + 2 + i, Math.round(value * inverse));
    }
  }
  return bytes;
}
