/**
 * Transposes matrices of numbers.
 *
 * @module
 */

/** Side of the square that is transposed at a time, so that both sides stay in the cache. */
const SIDE = 32;

/** [rows, columns] to [columns, rows], in new memory. */
export function transpose<
  T extends
    | Float32Array<ArrayBuffer>
    | Uint32Array<ArrayBuffer>
    | Uint16Array<ArrayBuffer>
    | Uint8Array<ArrayBuffer>,
>(values: T, rows: number, columns: number): T {
  const result = values.slice() as T;
  for (let top = 0; top < rows; top += SIDE) {
    const bottom = Math.min(rows, top + SIDE);
    for (let left = 0; left < columns; left += SIDE) {
      const right = Math.min(columns, left + SIDE);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          result[column * rows + row] = values[row * columns + column]!;
        }
      }
    }
  }
  return result;
}
