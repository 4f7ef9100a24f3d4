/**
 * The values of 8-bit floating point numbers.
 *
 * @module
 */

/** F8_E4M3 (without infinities) by their bytes: a sign, 4 bits of exponent with bias 7, 3 of mantissa; 127 and 255 are NaN. */
export const floatsOf8Bits: Float32Array = Float32Array.from({ length: 256 }, (_, byte) => {
  const [exponent, mantissa] = [byte >> 3 & 15, byte & 7];
  const sign = byte < 128 ? 1 : -1;
  if (exponent === 15 && mantissa === 7) return NaN;
  return sign *
    (exponent === 0 ? mantissa / 8 * 2 ** -6 : (1 + mantissa / 8) * 2 ** (exponent - 7));
});
