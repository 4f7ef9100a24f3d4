/**
 * How AutoAWQ's GEMM layout fills a word.
 *
 * @module
 */

import type { Int4Layout } from "../backend.ts";

/** A word holds eight neighbouring outputs of one input: first the even ones, then the odd ones. */
export const AWQ_LAYOUT: Int4Layout = { along: "out", order: [0, 2, 4, 6, 1, 3, 5, 7] };
