/**
 * Reading a file without keeping it in memory.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";

/** Pieces of a tensor after which the pages of the original are let go. */
const RELEASE_EVERY = 4;

/** Passes pieces of a tensor on and lets its pages go as they are done. */
export function* releasing<T>(
  checkpoint: Checkpoint,
  name: string,
  pieces: Iterable<T>,
): Generator<T> {
  let count = 0;
  for (const piece of pieces) {
    yield piece;
    if (++count % RELEASE_EVERY === 0) checkpoint.release(name);
  }
}
