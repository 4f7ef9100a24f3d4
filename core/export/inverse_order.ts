/**
 * The way back from an order of inputs.
 *
 * @module
 */

/** The order that undoes one: entry `order[j]` is j. */
export function inverseOrder(order: Int32Array): Int32Array<ArrayBuffer> {
  const inverse = new Int32Array(order.length);
  for (let j = 0; j < order.length; j++) inverse[order[j]!] = j;
  return inverse;
}
