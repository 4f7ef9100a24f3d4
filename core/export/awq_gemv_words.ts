/**
 * Widths of AutoAWQ's GEMV layout.
 *
 * @module
 */

/** Words of zero points in a row; undefined where the layout does not know the group size. */
export function awqGemvWords(groups: number, groupSize: number): number | undefined {
  const multiple = groupSize >= 128 ? 1 : groupSize === 64 ? 2 : groupSize === 32 ? 4 : undefined;
  return multiple === undefined
    ? undefined
    : Math.ceil(Math.ceil(groups / 8) / multiple) * multiple;
}
