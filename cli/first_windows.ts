/**
 * A part of a text, to measure fast.
 *
 * @module
 */

/** The tokens of the first windows; all of them if `windows` is not given. */
export function firstWindows(
  ids: Int32Array,
  seqLen: number,
  windows: number | undefined,
): Int32Array {
  return windows === undefined ? ids : ids.subarray(0, windows * seqLen);
}
