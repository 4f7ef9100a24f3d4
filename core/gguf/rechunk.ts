/**
 * Bytes in pieces of one size.
 *
 * @module
 */

/** The same bytes in pieces of `size`, the last one shorter. A piece is new memory. */
export async function* rechunk(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let held = new Uint8Array(size);
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const count = Math.min(size - filled, piece.length - at);
      held.set(piece.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled < size) continue;
      yield held;
      held = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0) yield held.slice(0, filled);
}
