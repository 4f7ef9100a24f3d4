/**
 * The check of what a `quantizeActivation` hook answered.
 *
 * @module
 */

import { activationFault, type ActivationFormat } from "../activation_format.ts";
import { SalientError } from "../errors.ts";

/**
 * The answer as an {@linkcode ActivationFormat} of its own, without whatever else it carries.
 *
 * @throws {SalientError} `plugin`, in the words of what is wrong with it.
 */
export function checkActivation(answer: unknown): ActivationFormat {
  const fault = activationFault(answer);
  if (fault !== undefined) {
    throw new SalientError("plugin", `gave an activation format that ${fault}`);
  }
  const { bits, granularity, dynamic, scale } = answer as ActivationFormat;
  const format = { bits, granularity, dynamic };
  // As the kernels take it, so that a file holds the same.
  return scale === undefined ? format : { ...format, scale: Math.fround(scale) };
}
