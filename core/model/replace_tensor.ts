/**
 * Steps of a computation that need what came before them no more.
 *
 * @module
 */

import type { Tensor } from "../tensor.ts";

/** What `make` makes of a tensor, which is freed. */
export async function replaceTensor(
  tensor: Tensor,
  make: (tensor: Tensor) => Promise<Tensor>,
): Promise<Tensor> {
  using before = tensor;
  return await make(before);
}
