/**
 * Rounding to ggml's Q4_0: blocks of 32 values, an fp16 scale and 16 bytes of nibbles.
 *
 * @module
 */

/** Bytes of a block of 32 values. */
export const Q4_0_BYTES = 18;

/** The blocks of some values (a multiple of 32): scale = the value of largest magnitude / -8. */
export function toQ4_0(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / 32;
  const bytes = new Uint8Array(blocks * Q4_0_BYTES);
  const view = new DataView(bytes.buffer);
  for (let b = 0; b < blocks; b++) {
    let largest = 0;
    for (let i = 0; i < 32; i++) {
      const value = values[b * 32 + i]!;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    const scale = Math.fround(largest / -8);
    const inverse = scale === 0 ? 0 : 1 / scale;
    const code = (i: number): number => {
      return Math.min(15, Math.trunc(values[b * 32 + i]! * inverse + 8.5));
    };
    view.setFloat16(b * Q4_0_BYTES, scale, true);
    for (let i = 0; i < 16; i++) {
      bytes[b * Q4_0_BYTES + 2 + i] = code(i) | code(i + 16) << 4;
    }
  }
  return bytes;
}
