/**
 * Transposition of large matrices.
 *
 * @module
 */

/** Rows and columns of a tile: its two sides fit the first cache. */
const TILE = 32;

/** [rows, columns] to [columns, rows], tile by tile, so that neither side is walked across pages. */
export function transposeTiles(
  values: Float32Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(top + TILE, rows);
    for (let left = 0; left < columns; left += TILE) {
      const right = Math.min(left + TILE, columns);
      for (let column = left; column < right; column++) {
        for (let row = top; row < bottom; row++) {
          result[column * rows + row] = values[row * columns + column]!;
        }
      }
    }
  }
  return result;
}
