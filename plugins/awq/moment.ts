/**
 * Which statistic of a linear's inputs the searches run on.
 *
 * @module
 */

import type { Observation } from "../../core/plugin.ts";

/**
 * The cheaper of the Gram matrix and a sample of `tokens` rows, for a linear with `inputs` channels.
 *
 * Measuring one candidate D [N, K] costs 2 N K^2 operations through the Gram, trace(D G D^T), and
 * 2 n N K through n sampled rows, ||X D^T||^2; they keep 4 K^2 and 4 n K bytes. So per candidate and per
 * byte the Gram is the cheaper one up to K = n. It is exact, all tokens are in it, while a sample leaves an error of
 * the order of 1 / sqrt(n); for that it is allowed to cost twice as much.
 */
export function chooseMoment(inputs: number, tokens: number): Observation {
  return inputs <= 2 * tokens ? { gram: true } : { tokens };
}
