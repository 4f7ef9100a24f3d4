/**
 * Windows of tokens.
 *
 * @module
 */

import { seededRandom } from "../random.ts";

/**
 * Chooses windows of a stream of tokens. The stream is cut from its start; a tail shorter than a window
 * is dropped.
 *
 * @param stream Tokens of the documents, one after the other.
 * @param samples Windows wanted; fewer are given if the stream has fewer.
 * @param seqLen Tokens of a window.
 * @param seed 0 takes the first windows in order; any other takes windows at random, none twice.
 * @returns The windows, one after the other: [count * seqLen].
 */
export function chooseWindows(
  stream: Int32Array,
  samples: number,
  seqLen: number,
  seed: number,
): Int32Array {
  const available = Math.floor(stream.length / seqLen);
  const count = Math.min(samples, available);
  if (seed === 0) return stream.slice(0, count * seqLen);
  const random = seededRandom(seed);
  const order = Uint32Array.from({ length: available }, (_, index) => index);
  const windows = new Int32Array(count * seqLen);
  // Fisher and Yates's shuffle, as far as it is needed.
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (available - i));
    const chosen = order[j]!;
    order[j] = order[i]!;
    windows.set(stream.subarray(chosen * seqLen, (chosen + 1) * seqLen), i * seqLen);
  }
  return windows;
}
