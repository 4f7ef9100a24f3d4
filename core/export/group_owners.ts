/**
 * Which group each input of a linear is in.
 *
 * @module
 */

/**
 * The group of each input (I32 [K]): `k / groupSize` where groups are of neighbours.
 *
 * @param order The inputs in the order of their groups, where they are not.
 */
export function groupOwners(
  inputs: number,
  groupSize: number,
  order: Int32Array | undefined,
): Int32Array<ArrayBuffer> {
  const owners = new Int32Array(inputs);
  for (let column = 0; column < inputs; column++) {
    owners[order?.[column] ?? column] = Math.floor(column / groupSize);
  }
  return owners;
}
