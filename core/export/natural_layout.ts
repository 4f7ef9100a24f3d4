/**
 * Words in natural order.
 *
 * @module
 */

import type { Int4Layout } from "../backend.ts";

/** A word holds eight neighbouring inputs of one output, the first in its lowest bits. */
export const NATURAL_LAYOUT: Int4Layout = { along: "in", order: [0, 1, 2, 3, 4, 5, 6, 7] };
