/**
 * Integers whose groups are of neighbours.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import { selectCodes } from "./select_codes.ts";

/** Takes over U8 [N, K] and gives it back with its columns in that order; as it is where there is none. */
export function orderCodes(codes: Tensor, order: Int32Array | undefined, ops: Ops): Tensor {
  if (order === undefined) return codes;
  using given = codes;
  return selectCodes(given, order, ops);
}
