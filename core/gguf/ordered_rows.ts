/**
 * Rows in another order.
 *
 * @module
 */

/** The rows of a matrix of bytes, row `n` taken from row `order[n]`. */
export function orderedRows(
  bytes: Uint8Array<ArrayBuffer>,
  order: Int32Array,
): Uint8Array<ArrayBuffer> {
  const width = bytes.length / order.length;
  const ordered = new Uint8Array(bytes.length);
  for (const [n, row] of order.entries()) {
    ordered.set(bytes.subarray(row * width, (row + 1) * width), n * width);
  }
  return ordered;
}
