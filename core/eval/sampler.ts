/**
 * How the next token is chosen, checked.
 *
 * @module
 */

import type { SamplerOptions } from "../choose_token.ts";
import { SalientError } from "../errors.ts";

export type { SamplerOptions } from "../choose_token.ts";

/** Throws a usage error if an option is out of range. */
export function checkSampler({ temperature, topK, topP }: SamplerOptions): void {
  if (!Number.isFinite(temperature) || temperature < 0) {
    throw new SalientError("usage", `Temperature must be 0 or more, but is ${temperature}`);
  }
  if (topK !== undefined && (!Number.isInteger(topK) || topK < 1)) {
    throw new SalientError("usage", `Top-k must be a whole number of at least 1, but is ${topK}`);
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw new SalientError("usage", `Top-p must be above 0 and at most 1, but is ${topP}`);
  }
}
