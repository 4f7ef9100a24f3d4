/**
 * The scales of Q4_K and Q5_K.
 *
 * @module
 */

/**
 * Scale (offset 0) or minimum (offset 4) of one of the eight parts: the first four have six bits in a byte
 * of their own, the last four their low bits in bytes 8 to 11 and their high bits on top of the first ones'.
 */
export function sixBits(bytes: Uint8Array, at: number, part: number, offset: 0 | 4): number {
  if (part < 4) return bytes[at + part + offset]! & 63;
  const low = bytes[at + part + 4]! >> offset & 15;
  return low | (bytes[at + part - 4 + offset]! >> 6) << 4;
}
