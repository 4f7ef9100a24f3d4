/**
 * Integers of a weight in few bytes.
 *
 * @module
 */

/** Bytes of that many integers: two lie in one where they have four bits or fewer. */
export function codeBytes(count: number, bits: number): number {
  return bits <= 4 ? Math.ceil(count / 2) : count;
}

/** Puts two integers into each byte where they have four bits or fewer, the first one in the lower half. */
export function packCodes(
  codes: Uint8Array<ArrayBuffer>,
  bits: number,
): Uint8Array<ArrayBuffer> {
  if (bits > 4) return codes;
  const packed = new Uint8Array(codeBytes(codes.length, bits));
  const pairs = codes.length >> 1;
  for (let i = 0; i < pairs; i++) packed[i] = codes[2 * i]! | codes[2 * i + 1]! << 4;
  if (codes.length % 2 === 1) packed[pairs] = codes[codes.length - 1]!;
  return packed;
}

/** The inverse of {@linkcode packCodes}. */
export function unpackCodes(
  packed: Uint8Array<ArrayBuffer>,
  count: number,
  bits: number,
): Uint8Array<ArrayBuffer> {
  if (bits > 4) return packed;
  const codes = new Uint8Array(count);
  const pairs = count >> 1;
  for (let i = 0; i < pairs; i++) {
    codes[2 * i] = packed[i]! & 15;
    codes[2 * i + 1] = packed[i]! >> 4;
  }
  if (count % 2 === 1) codes[count - 1] = packed[pairs]! & 15;
  return codes;
}
