/**
 * Giving memory back at once.
 *
 * @module
 */

/**
 * Frees the buffer under some values that nobody needs any more, which are empty afterwards. The
 * garbage collector would let tens of megabytes of such buffers gather before it looks.
 */
export function discard(values: ArrayBufferView<ArrayBuffer>): void {
  if (!values.buffer.detached) values.buffer.transfer(0);
}
