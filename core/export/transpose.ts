/**
 * Transposes matrices of numbers.
 *
 * @module
 */

/** Side of the square that is transposed at a time, so that both sides stay in the cache. */
const SIDE = 32;

/** Numbers that are moved as they are. */
type Words =
  | BigUint64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** [rows, columns] to [columns, rows], in new memory. */
export function transpose<T extends Words>(values: T, rows: number, columns: number): T {
  const result = values.slice() as T;
  transposeInto(result, values, { rows, columns, row: 0 });
  return result;
}

/**
 * Writes some rows of a matrix [rows, columns] to their columns in [columns, rows].
 *
 * @param target The whole transposed matrix.
 * @param values Whole rows, of which `row` is the first.
 */
export function transposeInto(
  target: Words,
  values: Words,
  { rows, columns, row: first }: {
    readonly rows: number;
    readonly columns: number;
    readonly row: number;
  },
): void {
  const count = columns === 0 ? 0 : values.length / columns;
  for (let top = 0; top < count; top += SIDE) {
    const bottom = Math.min(count, top + SIDE);
    for (let left = 0; left < columns; left += SIDE) {
      const right = Math.min(columns, left + SIDE);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          target[column * rows + first + row] = values[row * columns + column]!;
        }
      }
    }
  }
}
